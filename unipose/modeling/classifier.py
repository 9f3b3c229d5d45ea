"""The image classifier, by which a trunk is pretrained before it learns poses."""

from torch import Tensor, nn

from unipose.modeling.trunk import Trunk


class Classifier(nn.Module):
    """Images (B, 3, H, W) -> logits (B, classes): the mean of the trunk's high features, dropout, one linear layer.

    Classifiers are trained without dilation: build the trunk with the last output stride of its row.
    """

    def __init__(self, trunk: Trunk, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(trunk.high_channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        _, high = self.trunk(images)
        logits: Tensor = self.head(self.dropout(high.mean(dim=(2, 3))))
        return logits
