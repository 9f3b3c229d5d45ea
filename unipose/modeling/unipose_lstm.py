"""UniPose-LSTM: the network of single frames with a memory, which carries joints over blur and occlusion."""

import torch
from torch import Tensor, nn

from unipose.modeling.unipose import UniPose

LEAK = 0.1  # what the convolutions that read a memory let pass below zero: with plain ReLU they can die for good


class ConvLSTM(nn.Module):
    """A convolutional LSTM of 3x3 gates with bias, without peepholes (Artacho & Savakis 2020; Luo et al., CVPR 2018).

    (B, in_channels, h, w), the hidden and cell maps (B, channels, h, w) of the frame before, and `known` (B, 1, h, w),
    which is 1 where they are known -> the new hidden and cell maps. Where nothing is known, before the first frame,
    they are to be 0, and the cell takes the paper's first step: c = tanh(i g) instead of f c' + i g.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(in_channels + channels, 4 * channels, 3, padding=1)
        nn.init.xavier_uniform_(self.gates.weight, gain=2.0)  # its maps are zero nearly everywhere
        nn.init.ones_(self.gates.bias[2 * channels : 3 * channels])  # type: ignore[index]  # remember to begin with

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        g, i, f, o = self.gates(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
        new = i.sigmoid() * g.tanh()
        cell = known * (f.sigmoid() * cell + new) + (1 - known) * new.tanh()
        return o.sigmoid() * cell.tanh(), cell


class UniPoseLSTM(nn.Module):
    """UniPose-LSTM (Artacho & Savakis 2020): windows of images (B, T, 3, H, W) -> raw maps (B, T, keypoints, h, w).

    A window is `step` repeated, from a state of zeros. The state (B, state_channels, h, w) holds the memory's hidden
    and cell maps, the final maps of the frame before and, last, 1 where these are known: so zeros mean a first frame,
    for each item of a batch and each cell of its maps. Maps enter the memory through `activation`, as heatmaps, which
    are bounded whatever the loss.

    Unlike the paper's, the five convolutions do not give the final maps but what is added to the frame's own, and the
    last begins at zero: untrained, the network answers as `frame` does.
    """

    def __init__(self, frame: UniPose, activation: nn.Module, channels: int = 128, kernel: int = 11) -> None:
        super().__init__()
        self.frame, self.activation = frame, activation
        self.parts = [channels, channels, frame.keypoints, 1]  # of the state
        self.lstm = ConvLSTM(2 * frame.keypoints + 1, channels)
        large = [
            layer
            for _ in range(3)
            for layer in (nn.Conv2d(channels, channels, kernel, padding="same"), nn.LeakyReLU(LEAK))
        ]
        last = nn.Conv2d(channels, frame.keypoints, 1)
        self.refine = nn.Sequential(*large, nn.Conv2d(channels, channels, 1), nn.LeakyReLU(LEAK), last)
        for layer in self.refine:
            if isinstance(layer, nn.Conv2d):  # so that what is remembered reaches the last one (He et al., ICCV 2015)
                nn.init.kaiming_normal_(layer.weight, LEAK)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # this one has a bias

    def freeze(self) -> None:
        """From now on training changes the memory alone: `frame` keeps its weights and its batch norm's statistics."""
        self.frame.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "UniPoseLSTM":
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.frame.parameters()):
            self.frame.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        frames = self.frame(images.flatten(0, 1)).unflatten(0, images.shape[:2]).unbind(1)
        state = frames[0].new_zeros(images.shape[0], sum(self.parts), *frames[0].shape[-2:])
        final = []
        for maps in frames:
            maps, state = self._remember(maps, state)
            final.append(maps)
        return torch.stack(final, dim=1)

    def step(self, images: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame of B clips (B, 3, H, W) and their states -> raw maps (B, keypoints, h, w) and the next states."""
        return self._remember(self.frame(images), state)

    def _remember(self, maps: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        hidden, cell, before, known = torch.split(state, self.parts, dim=1)
        seen = torch.cat([self.activation(maps), before, centre_map(maps)], dim=1)
        hidden, cell = self.lstm(seen, hidden, cell, known)
        maps = maps + self.refine(hidden)
        return maps, torch.cat([hidden, cell, self.activation(maps), torch.ones_like(known)], dim=1)


def centre_map(maps: Tensor) -> Tensor:
    """Where in the crop a person is: a Gaussian at the maps' centre, a quarter of them wide -> (B, 1, h, w)."""
    height, width = maps.shape[-2:]
    y, x = (torch.linspace(-2, 2, side, device=maps.device) for side in (height, width))
    return torch.exp(-(y[:, None] ** 2 + x**2) / 2).to(maps.dtype).expand(maps.shape[0], 1, height, width)


class Streamed(nn.Module):
    """The form to deploy: one frame (B, 3, H, W) and states -> heatmaps (B, keypoints, h, w), next states."""

    def __init__(self, network: UniPoseLSTM) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        maps, state = self.network.step(images, state)
        return self.network.activation(maps), state
