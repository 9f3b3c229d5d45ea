"""From pixels: a network between crops and keypoints, so that all of it runs on the network's device."""

import torch
from torch import Tensor, nn

from unipose.modeling.keypoint_decoder import KeypointDecoder
from unipose.modeling.warp import Normalise


class InPrecision(nn.Module):
    """A network whose weights may be of another precision, with inputs and outputs in float32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*(tensor.to(self.dtype, memory_format=torch.channels_last) for tensor in inputs))
        return tuple(out.float() for out in (outputs if isinstance(outputs, tuple) else (outputs,)))


class FromPixels(nn.Module):
    """Crops (n, H, W, 3) uint8, and states -> xy_heatmap (n, K, 2), the maps' maxima (n, K), and next states.

    `partner`: of the flip test, which keypoint each is in the mirrored crop; its network has no states.
    """

    partner: Tensor | None

    def __init__(
        self, network: InPrecision, normalise: Normalise, decoder: KeypointDecoder, partner: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        self.network, self.normalise, self.decoder = network, normalise, decoder
        self.register_buffer("partner", None if partner is None else torch.tensor(partner), persistent=False)

    def forward(self, crops: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        inputs = self.normalise(crops.permute(0, 3, 1, 2))  # channels last, as they are
        if self.partner is None:
            maps, *states_after = self.network(inputs, *states)
        else:
            [both] = self.network(torch.cat([inputs, inputs.flip(3)]))
            straight, mirrored = both.chunk(2)
            maps, states_after = (straight + mirrored.index_select(1, self.partner).flip(3)) / 2, []
        return *self.decoder(maps), *states_after
