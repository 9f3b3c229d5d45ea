import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from unipose.training.class_images import class_batch
from unipose.training.classifier import accuracy, class_trainer
from unipose.training.optim import Average


class Brightest(nn.Module):
    """Votes for the brightest of three channels: a classifier that needs no training, and learns a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3, bias=False)
        nn.init.eye_(self.head.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.mean(dim=(2, 3)))


def trainer(network, average=None):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    scheduler = LambdaLR(optimizer, lambda step: 1.0)
    return class_trainer(network, optimizer, scheduler, average, (0.0,) * 3, (1.0,) * 3)


def batch(labels):
    images = torch.zeros(len(labels), 4, 6, 3, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[..., label] = 200
    return class_batch(images, torch.tensor(labels), classes=3)


def test_accuracy_is_the_share_of_right_images_in_all_batches():
    wrong = batch([0, 1, 2, 0])
    wrong["target"] = batch([0, 1, 1, 1])["target"]
    assert accuracy(trainer(Brightest()), [batch([0, 1]), wrong]) == pytest.approx(100 * 4 / 6)


def test_what_is_judged_are_the_averaged_weights():
    network = Brightest()
    average = Average(network, 0.9)
    nn.init.eye_(average.module.head.weight).neg_()
    assert accuracy(trainer(network, average), [batch([0, 1, 2])]) == 0
    assert accuracy(trainer(network), [batch([0, 1, 2])]) == 100


def test_the_loss_is_the_mean_cross_entropy_of_the_images():
    network = Brightest()
    logits = torch.eye(3)[[0, 1, 2, 2]] * 200 / 255
    expected = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 2]))
    losses = []
    trainer(network).train_epoch([batch([0, 1, 2, 2])] * 30, lambda loss, images: losses.append(loss))
    assert abs(losses[0] - float(expected)) < 0.01
    assert losses[-1] < 0.7 * losses[0]
