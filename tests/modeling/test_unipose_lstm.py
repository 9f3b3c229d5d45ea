import pytest
import torch
from torch import nn
from torch.nn import functional

from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import SpatialSoftmax, UniPose
from unipose.modeling.unipose_lstm import ConvLSTM, DeployedStep, UniPoseLSTM, centre_map

SIZE = (64, 48)  # height, width


@pytest.fixture(scope="module")
def network() -> UniPoseLSTM:
    torch.manual_seed(0)
    frame = UniPose(
        Trunk(ZOO["res2net_s"]), 5, wasp_channels=16, wasp_rates=(1, 2), decoder_stride=4, decoder_channels=16
    )
    network = UniPoseLSTM(frame, SpatialSoftmax(1.5), channels=6, kernel=3).eval()
    for layer in (network.refine[-1], network.lstm.gates, frame.decoder.maps):  # as if it were trained
        nn.init.normal_(layer.weight, std=5.0)
    return network


def clip(count: int, frames: int) -> torch.Tensor:
    return torch.randn(count, frames, 3, *SIZE, generator=torch.Generator().manual_seed(frames))


def first(network: UniPoseLSTM, count: int) -> torch.Tensor:
    return torch.zeros(count, sum(network.state_parts), SIZE[0] // 4, SIZE[1] // 4)


@torch.inference_mode()
def test_a_window_is_the_step_repeated(network):
    images = clip(2, 4)
    expected, state = network(images), first(network, 2)
    assert expected.shape == (2, 4, 5, 16, 12)
    for frame, wanted in zip(images.unbind(1), expected.unbind(1), strict=True):
        maps, state = network.step(frame, state)
        assert state.shape == (2, 2 * 6 + 5 + 1, 16, 12)
        torch.testing.assert_close(maps, wanted, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_what_came_before_matters_and_what_comes_after_does_not(network):
    images = clip(1, 3)
    other = images.clone()
    other[:, 0] = 0
    maps, changed = network(images), network(other)
    assert (maps[:, 2] - changed[:, 2]).abs().max() > 1e-3
    torch.testing.assert_close(network(images[:, :2]), maps[:, :2], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_batch_mixes_first_frames_with_later_ones(network):
    """Clips of a batch may start at different times: the state of one does not change the others' maps."""
    images = clip(2, 2)
    _, later = network.step(images[:, 0], first(network, 2))
    mixed = torch.cat([later[:1], first(network, 1)])
    maps, _ = network.step(images[:, 1], mixed)
    torch.testing.assert_close(maps[:1], network(images[:1])[:, 1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps[1:], network(images[1:, 1:])[:, 0], rtol=1e-4, atol=1e-4)


def test_untrained_it_returns_what_its_frame_network_does():
    frame = UniPose(Trunk(ZOO["res2net_s"]), 2, wasp_channels=8, wasp_rates=(1,), decoder_stride=4, decoder_channels=8)
    network = UniPoseLSTM(frame, nn.Identity(), channels=4, kernel=5).eval()
    images = clip(1, 2)
    with torch.inference_mode():
        assert torch.allclose(network(images)[0], frame(images[0]), atol=1e-6)


@torch.inference_mode()
def test_the_gates_are_the_papers():
    torch.manual_seed(1)
    lstm, x = ConvLSTM(3, 2), torch.randn(1, 3, 5, 7)
    hidden, cell = torch.randn(1, 2, 5, 7), torch.randn(1, 2, 5, 7)
    g, i, f, o = functional.conv2d(torch.cat([x, hidden], 1), lstm.gates.weight, lstm.gates.bias, padding=1).chunk(4, 1)
    c = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    found = lstm(x, hidden, cell, torch.ones(1, 1, 5, 7))
    torch.testing.assert_close(found, (torch.sigmoid(o) * torch.tanh(c), c))

    nothing = torch.zeros(1, 2, 5, 7)
    g, i, f, o = functional.conv2d(torch.cat([x, nothing], 1), lstm.gates.weight, lstm.gates.bias, padding=1).chunk(
        4, 1
    )
    c = torch.tanh(torch.sigmoid(i) * torch.tanh(g))
    found = lstm(x, nothing, nothing, torch.zeros(1, 1, 5, 7))
    torch.testing.assert_close(found, (torch.sigmoid(o) * torch.tanh(c), c))


@torch.inference_mode()
def test_the_deployed_form_gives_heatmaps(network):
    images = clip(2, 2)
    maps, state = DeployedStep(network)(images[:, 0], first(network, 2))
    torch.testing.assert_close(maps, network.activation(network(images)[:, 0]), rtol=1e-4, atol=1e-4)
    assert torch.equal(state[:, 12:17], maps)
    assert torch.equal(state[:, 17], torch.ones(2, 16, 12))


def test_the_centre_map_is_highest_in_the_middle():
    [one, two] = centre_map(torch.zeros(2, 5, 7, 11))
    assert torch.equal(one, two) and one.shape == (1, 7, 11)
    assert one[0, 3, 5] == 1 and one.argmax() == 3 * 11 + 5
    torch.testing.assert_close(one[0, (0, 3, 6, 3), (5, 0, 5, 10)], torch.full((4,), 2.0).neg().exp())


class Spots(nn.Module):
    """A frame network that finds what is bright: its raw maps are the images, four times smaller."""

    keypoints = 1

    def forward(self, images):
        return 20 * functional.avg_pool2d(images, 4).mean(dim=1, keepdim=True)


def moving_spots(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips (B, 4, 3, 40, 56) of a spot that moves straight and is hidden in the last frame; its cells (B, 4)."""
    start = torch.stack([torch.randint(*span, (count,), generator=generator) for span in ((4, 6), (4, 10))], dim=1)
    velocity = torch.randint(-1, 2, (count, 2), generator=generator)
    rows, columns = (start[:, None] + velocity[:, None] * torch.arange(4)[:, None]).unbind(2)
    cells = rows * 14 + columns
    images = functional.one_hot(cells, 140).float().view(count, 4, 1, 10, 14)
    images[:, -1] = 0
    return images.repeat_interleave(4, 3).repeat_interleave(4, 4).expand(-1, -1, 3, -1, -1), cells


def test_it_learns_where_a_hidden_spot_went():
    """Only the state of two frames tells where the spot is in the last one, which shows nothing."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = UniPoseLSTM(Spots(), SpatialSoftmax(1.0), channels=12, kernel=3)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(120):
        images, cells = moving_spots(32, generator)
        loss = functional.cross_entropy(network(images).flatten(0, 1).flatten(1), cells.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, cells = moving_spots(200, generator)
    with torch.inference_mode():
        found = network(images)[:, -1].flatten(1).argmax(dim=1)
        alone = network(images[:, -1:])[:, -1].flatten(1).argmax(dim=1)
    assert (found == cells[:, -1]).float().mean() > 0.9
    assert (alone == cells[:, -1]).float().mean() < 0.2


def test_after_freeze_only_the_recurrent_part_changes():
    frame = UniPose(Trunk(ZOO["res2net_s"]), 2, wasp_channels=8, wasp_rates=(1,), decoder_stride=4, decoder_channels=8)
    network = UniPoseLSTM(frame, nn.Identity(), channels=4, kernel=3)
    network.freeze()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), 0.1, weight_decay=0.5)
    for _ in range(2):  # the last convolution starts at zero, so the first step changes no other
        network.train()(clip(1, 2)).square().sum().backward()
        optimizer.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if not name.startswith("frame.")}
    assert not frame.training and network.training
    assert network.eval().train(False) is network
