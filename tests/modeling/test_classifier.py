"""The classifier reads the mean of a trunk's high features."""

import pytest
import torch
from torch import nn

from unipose.modeling.classifier import Classifier
from unipose.modeling.trunk import ZOO


def small(dropout: float = 0.0) -> Classifier:
    torch.manual_seed(0)
    return Classifier(ZOO["cifar_ho_rk4_26"], classes=7, dropout=dropout)


def test_logits_are_a_linear_layer_of_the_mean() -> None:
    classifier, images = small().eval(), torch.rand(2, 3, 20, 28)
    _, high = classifier.trunk(images)
    expected = high.mean(dim=(2, 3)) @ classifier.head.weight.T + classifier.head.bias
    assert classifier(images).shape == (2, 7)
    assert torch.allclose(classifier(images), expected, atol=1e-5)


def test_dropout_is_for_training_alone() -> None:
    images, silent = torch.rand(2, 3, 16, 16), small(dropout=1.0)
    assert torch.equal(silent.eval()(images), small().eval()(images))
    assert torch.equal(silent.train()(images), silent.head.bias.expand(2, 7))


def test_any_trunk_learns_classes() -> None:
    """Also one with its low features at stride 1, which the pose network cannot use, or one with a deep stem."""
    for name, size in (("cifar_resnext29_8x64d", 8), ("res2net50_v1b_26w_4s", 64)):
        with torch.device("meta"):
            classifier = Classifier(ZOO[name], classes=10)
            classifier(torch.rand(2, 3, size, size)).square().mean().backward()
        assert [n for n, p in classifier.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(("name", "stride"), [("cifar_resnetv2_110_original", 4), ("resnet50", 32)])
def test_no_convolution_is_dilated(name: str, stride: int) -> None:
    with torch.device("meta"):
        trunk = Classifier(ZOO[name], classes=10).trunk
    assert trunk.output_stride == stride
    assert {m.dilation for m in trunk.modules() if isinstance(m, nn.Conv2d)} == {(1, 1)}
