"""SimCC, a head that says where a keypoint is across and down apart, in place of the decoder."""

from torch import Tensor, nn

from unipose.modeling.blocks import conv


class SimCC(nn.Module):
    """WASP's output (B, channels, h, w) -> raw maps (B, keypoints, H, W), each a logit per row plus one per column.

    Li et al., ECCV 2022. Each keypoint's features, flattened, give a logit for each of H rows and W columns, by two
    layers that all keypoints share. The softmax over a map of such sums is the product of the two softmaxes, so that
    loss and codec are those of any other maps. `features_hw` and `maps_hw` are fixed: a network with this head has one
    input size.
    """

    def __init__(self, channels: int, keypoints: int, features_hw: tuple[int, int], maps_hw: tuple[int, int]) -> None:
        super().__init__()
        cells = features_hw[0] * features_hw[1]
        self.maps = conv(channels, keypoints, 1)
        self.rows, self.columns = (nn.Linear(cells, bins) for bins in maps_hw)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """`low`, the features that a decoder refines maps with, is not used."""
        features = self.maps(high).flatten(2)
        logits: Tensor = self.rows(features).unsqueeze(3) + self.columns(features).unsqueeze(2)
        return logits
