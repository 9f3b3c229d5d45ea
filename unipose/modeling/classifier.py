"""The image classifier, by which a trunk is pretrained before it learns poses."""

from torch import Tensor, nn

from unipose.modeling.trunk import Row, Trunk


class Classifier(nn.Module):
    """Images (B, 3, H, W) -> logits (B, classes): the mean of a trunk's high features, dropout, one linear layer.

    The trunk has the last output stride of its row, and no dilation anywhere: a classifier keeps no resolution.
    """

    def __init__(self, row: Row, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk = Trunk(row, row.strides[-1], multi_grid=(1,))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.trunk.high_channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        _, high = self.trunk(images)
        logits: Tensor = self.head(self.dropout(high.mean(dim=(2, 3))))
        return logits
