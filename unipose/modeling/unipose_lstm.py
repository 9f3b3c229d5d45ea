"""UniPose-LSTM: UniPose with a recurrent state, which keeps track of joints through blur and occlusion."""

import torch
from torch import Tensor, nn

from unipose.modeling.unipose import UniPose

LEAK = 0.1  # negative slope of the leaky ReLUs after the LSTM: units with plain ReLU can die for good


class ConvLSTM(nn.Module):
    """A convolutional LSTM with 3x3 gates and bias, no peepholes (Artacho & Savakis 2020; Luo et al., CVPR 2018).

    Input (B, in_channels, h, w), hidden and cell maps (B, channels, h, w) of the previous frame, and `known`
    (B, 1, h, w), 1 where there was one -> new hidden and cell maps. Where `known` is 0, hidden and cell must be 0, and
    the cell takes the paper's first step: c = tanh(i g) instead of f c' + i g.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(in_channels + channels, 4 * channels, 3, padding=1)
        nn.init.xavier_uniform_(self.gates.weight, gain=2.0)  # heatmaps are zero nearly everywhere
        nn.init.ones_(self.gates.bias[2 * channels : 3 * channels])  # type: ignore[index]  # forget little at first

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        g, i, f, o = self.gates(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
        new = i.sigmoid() * g.tanh()
        cell = known * (f.sigmoid() * cell + new) + (1 - known) * new.tanh()
        return o.sigmoid() * cell.tanh(), cell


class UniPoseLSTM(nn.Module):
    """UniPose-LSTM (Artacho & Savakis 2020): windows of images (B, T, 3, H, W) -> raw maps (B, T, keypoints, h, w).

    A window is `step` repeated, from a state of zeros. The state (B, state_channels, h, w) holds the LSTM's hidden and
    cell maps, the heatmaps of the previous frame and, last, a channel of ones, so that zeros mean a first frame, for
    each item of a batch and each cell of its maps. The LSTM reads maps through `activation`, which bounds them whatever
    the loss.

    Unlike in the paper, the five convolutions do not return the final maps but what is added to the frame's, and the
    last one starts at zero: untrained, the network returns what `frame` does.
    """

    def __init__(self, frame: UniPose, activation: nn.Module, channels: int = 128, kernel: int = 11) -> None:
        super().__init__()
        self.frame, self.activation = frame, activation
        self.state_parts = [channels, channels, frame.keypoints, 1]
        self.lstm = ConvLSTM(2 * frame.keypoints + 1, channels)
        large = [
            layer
            for _ in range(3)
            for layer in (nn.Conv2d(channels, channels, kernel, padding="same"), nn.LeakyReLU(LEAK))
        ]
        last = nn.Conv2d(channels, frame.keypoints, 1)
        self.refine = nn.Sequential(*large, nn.Conv2d(channels, channels, 1), nn.LeakyReLU(LEAK), last)
        for layer in self.refine:
            if isinstance(layer, nn.Conv2d):  # so that the hidden maps reach the last one (He et al., ICCV 2015)
                nn.init.kaiming_normal_(layer.weight, LEAK)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # this one has a bias

    def freeze(self) -> None:
        """Train the recurrent part alone from now on: `frame` keeps its weights and its batch norm's statistics."""
        self.frame.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "UniPoseLSTM":
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.frame.parameters()):
            self.frame.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        frames = self.frame(images.flatten(0, 1)).unflatten(0, images.shape[:2]).unbind(1)
        state = frames[0].new_zeros(images.shape[0], sum(self.state_parts), *frames[0].shape[-2:])
        refined = []
        for maps in frames:
            maps, state = self._update(maps, state)
            refined.append(maps)
        return torch.stack(refined, dim=1)

    def step(self, images: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """A frame of B clips (B, 3, H, W) and their states -> raw maps (B, keypoints, h, w) and the next states."""
        return self._update(self.frame(images), state)

    def _update(self, maps: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The frame's own raw maps and the state -> the final raw maps and the next state."""
        hidden, cell, previous, known = torch.split(state, self.state_parts, dim=1)
        lstm_input = torch.cat([self.activation(maps), previous, centre_map(maps)], dim=1)
        hidden, cell = self.lstm(lstm_input, hidden, cell, known)
        maps = maps + self.refine(hidden)
        return maps, torch.cat([hidden, cell, self.activation(maps), torch.ones_like(known)], dim=1)


def centre_map(maps: Tensor) -> Tensor:
    """Where in the crop a person is: a Gaussian at the maps' centre, sigma a quarter of their size -> (B, 1, h, w)."""
    height, width = maps.shape[-2:]
    y, x = (torch.linspace(-2, 2, side, device=maps.device) for side in (height, width))
    return torch.exp(-(y[:, None] ** 2 + x**2) / 2).to(maps.dtype).expand(maps.shape[0], 1, height, width)


class DeployedStep(nn.Module):
    """The network as deployed, a step: a frame (B, 3, H, W), states -> heatmaps (B, keypoints, h, w), next states."""

    def __init__(self, network: UniPoseLSTM) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        maps, state = self.network.step(images, state)
        return self.network.activation(maps), state
