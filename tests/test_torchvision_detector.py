from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from unipose.torchvision_detector import PERSON, TorchvisionDetector

SSDLITE = "ssdlite320_mobilenet_v3_large"
IMAGE = np.random.default_rng(1).integers(0, 256, (150, 230, 3), np.uint8)
IMAGE.flags.writeable = False  # as images that were read are


@pytest.fixture(scope="module")
def network():
    """Random weights, with the statistics of an image so that signals survive, that see persons and cars everywhere."""
    torch.manual_seed(0)
    model = get_model(SSDLITE, weights=None, weights_backbone=None)
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        model.head(list(model.backbone(torch.randn(2, 3, 320, 320)).values()))
        for name, bias in model.head.classification_head.named_parameters():
            if name.endswith(".1.bias") and len(bias) % 91 == 0:
                bias.view(-1, 91)[:, [PERSON, 3]] += 4
    return model.eval()


@pytest.fixture
def file(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "ssdlite.pth")
    return tmp_path / "ssdlite.pth"


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))

    def refuse(url, *_, **__):
        raise AssertionError(f"downloads {url}")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def library(network, image):
    """What torchvision itself says: boxes, labels, scores."""
    with torch.inference_mode():
        [found] = network([torch.tensor(image.transpose(2, 0, 1).copy()) / 255])
    return [found[key].numpy() for key in ("boxes", "labels", "scores")]
