"""The pose network has the paper's size and wiring, any input size, any batch, and exports as a whole."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from unipose.modeling.blocks import Basic
from unipose.modeling.trunk import ZOO, Row, Trunk
from unipose.modeling.unipose import WASP, Decoder, PooledNorm, SpatialSoftmax, UniPose, deployable, resize

TINY = Row(Basic(), (1, 1, 1, 1), planes=(8, 8, 16, 16), stem_channels=8)


def tiny(output_stride: int = 16, decoder_stride: int = 8) -> UniPose:
    torch.manual_seed(0)
    trunk = Trunk(TINY, output_stride)
    return UniPose(trunk, 5, wasp_channels=16, wasp_rates=(3, 2, 1), decoder_stride=decoder_stride, decoder_channels=16)


def sizes(network: nn.Module, *shapes: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """-> parameters, multiply-accumulates, output shape of a network on the meta device."""
    with FlopCounterMode(display=False) as counter:
        output = network.eval()(*(torch.empty(shape, device="meta") for shape in shapes))
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2, tuple(output.shape)


@pytest.mark.parametrize(("output_stride", "gmac"), [(16, 31.3), (8, 101.1)])
def test_the_papers_network_has_the_papers_size(output_stride: int, gmac: float) -> None:
    with torch.device("meta"):
        network = UniPose(Trunk(ZOO["resnet101"], output_stride), 14)
    parameters, macs, shape = sizes(network, (1, 3, 368, 368))
    assert shape == (1, 14, 46, 46)
    assert parameters == pytest.approx(47.0e6, rel=0.01)
    assert macs == pytest.approx(gmac * 1e9, rel=0.01)


def test_wasp_has_the_papers_size_and_separate_convolutions_cost_seven_more() -> None:
    with torch.device("meta"):
        shared, separate = WASP(2048), WASP(2048, shared=False)
    parameters, macs, shape = sizes(shared, (1, 2048, 23, 23))
    assert shape == (1, 256, 23, 23)
    assert parameters == pytest.approx(3.21e6, rel=0.01)
    assert macs == pytest.approx(1.66e9, rel=0.01)
    assert sizes(separate, (1, 2048, 23, 23)) == (parameters + 7 * 256 * 256, macs, shape)


def test_the_small_network_is_made_for_two_cores() -> None:
    with torch.device("meta"):
        network = UniPose(Trunk(ZOO["res2net_s"]), 14, wasp_channels=128, decoder_stride=4, decoder_channels=96)
    parameters, macs, shape = sizes(network, (1, 3, 128, 128))
    assert shape == (1, 14, 32, 32)
    assert 2e6 < parameters < 6e6
    assert macs < 0.6e9


@pytest.mark.parametrize(
    ("wasp", "output_stride", "rates"),
    [
        ("code", 8, [36, 24, 12]), ("code", 16, [18, 12, 6]), ("code", 32, [9, 6, 3]), ("figure", 8, [12, 24, 36, 48]),
        ("figure", 16, [6, 12, 18, 24]),
    ],
)  # fmt: skip
def test_the_papers_rates_follow_the_output_stride(wasp: str, output_stride: int, rates: list[int]) -> None:
    with torch.device("meta"):
        network = UniPose(Trunk(TINY, output_stride), 14, wasp=wasp)
    convolutions = [m for m in network.wasp.waterfall.modules() if isinstance(m, nn.Conv2d)]
    found = [(c.kernel_size[0], c.dilation[0]) for c in convolutions]
    assert found == [(1, 1)] * (wasp == "code") + [(3, rate) for rate in rates]


@pytest.mark.parametrize(("shared", "entry"), [(True, True), (False, True), (False, False)])
def test_the_waterfall_adds_up_its_rates(shared: bool, entry: bool) -> None:
    """Branches side by side would reach 4 pixels, one fed by another 4 + 2 + 1."""
    torch.manual_seed(0)
    wasp = WASP(4, 4, rates=(4, 2, 1), shared=shared, entry=entry).eval()
    for parameter in wasp.pool.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(1, 4, 21, 25, requires_grad=True)
    (gradient,) = torch.autograd.grad(wasp(x)[0, :, 10, 12].sum(), x)
    rows, columns = gradient.abs().sum(dim=(0, 1)).nonzero().unbind(dim=1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 17, 5, 19)


def test_a_training_batch_of_one_pools_by_the_running_statistics() -> None:
    norm = PooledNorm(3)
    norm.running_mean, norm.running_var = torch.tensor([1.0, 2, 3]), torch.tensor([4.0, 1, 9])
    x = torch.rand(1, 3, 1, 1)
    trained = norm.train()(x)
    assert torch.equal(trained, norm.eval()(x))
    norm.train()(torch.rand(2, 3, 1, 1))
    assert norm.num_batches_tracked == 1
    assert not torch.equal(norm.running_mean, torch.tensor([1.0, 2, 3]))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_training_step_reaches_every_parameter(batch: int) -> None:
    network = tiny().train()
    network(torch.rand(batch, 3, 64, 96)).square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize(("decoder_stride", "maps"), [(4, (25, 19)), (8, (13, 10))])
def test_maps_of_any_input_size(output_stride: int, decoder_stride: int, maps: tuple[int, int]) -> None:
    network = tiny(output_stride, decoder_stride).eval()
    assert network(torch.rand(2, 3, 100, 76)).shape == (2, 5, *maps)
    assert (network.keypoints, network.stride) == (5, decoder_stride)


def test_resizing_moves_edges() -> None:
    rows, columns = torch.arange(5.0)[:, None], torch.arange(7.0)[None]
    resized = resize((rows * 10 + columns)[None, None], torch.empty(1, 1, 20, 14))[0, 0]
    rows, columns = (torch.arange(20.0)[:, None] + 0.5) / 4 - 0.5, (torch.arange(14.0)[None] + 0.5) / 2 - 0.5
    assert torch.allclose(resized, rows.clamp(0, 4) * 10 + columns.clamp(0, 6))


def test_another_decoder_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="choose 4 or 8"):
        Decoder(64, 64, 5, stride=16)


def test_a_trunk_without_features_at_stride_4_is_refused() -> None:
    with pytest.raises(ValueError, match="has them at 1: nets for images of 32x32 are classifiers only"):
        UniPose(Trunk(ZOO["cifar_ho_rk4_26"], output_stride=4), 5)


def gaussian(x: float, y: float, sigma: float) -> Tensor:
    """Logits (48, 40) of a Gaussian of sigma pixels around (x, y)."""
    rows, columns = torch.arange(48.0)[:, None], torch.arange(40.0)[None]
    return -((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)


def test_an_ideal_gaussian_peaks_at_one_whatever_its_offset_of_logits() -> None:
    logits = torch.stack([gaussian(11, 30, 2.0), gaussian(25, 20, 2.0) + 7])[None]
    maps = SpatialSoftmax(sigma=2.0)(logits)
    assert torch.allclose(maps, (logits - torch.tensor([0.0, 7])[:, None, None]).exp(), atol=1e-4)
    assert torch.allclose(maps.sum(dim=(2, 3)), torch.tensor(2 * torch.pi * 4))


def test_without_activation_the_raw_maps_are_deployed() -> None:
    network, images = tiny().eval(), torch.rand(1, 3, 64, 48)
    assert torch.equal(deployable(network, "none", sigma=2.0)(images), network(images))


def test_exports_with_any_batch(tmp_path: Path) -> None:
    network = deployable(tiny(decoder_stride=4), "softmax", sigma=2.0).eval()
    path = tmp_path / "network.onnx"
    batch = {0: torch.export.Dim("batch")}
    program = torch.onnx.export(
        network,
        (torch.rand(2, 3, 64, 48),),
        dynamo=True,
        dynamic_shapes=(batch,),
        input_names=["images"],
        verbose=False,
    )
    assert program is not None
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in (1, 5):
        images = torch.rand(size, 3, 64, 48)
        (maps,) = session.run(None, {"images": images.numpy()})
        assert np.allclose(maps, network(images).detach().numpy(), atol=1e-4)
