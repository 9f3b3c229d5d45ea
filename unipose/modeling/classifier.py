"""The classifier: what trains a trunk on images of classes, before it learns poses."""

from torch import Tensor, nn

from unipose.modeling.trunk import Trunk


class Classifier(nn.Module):
    """Images (B, 3, H, W) -> raw scores (B, classes): the mean of the trunk's high features, dropout, one linear layer.

    Classifiers are trained without dilation: give a trunk of the row's last output stride.
    """

    def __init__(self, trunk: Trunk, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(trunk.high_channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        _, high = self.trunk(images)
        scores: Tensor = self.head(self.dropout(high.mean(dim=(2, 3))))
        return scores
