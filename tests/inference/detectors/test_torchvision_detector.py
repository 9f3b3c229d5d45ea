from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from unipose.inference.detectors.torchvision_detector import PERSON, TorchvisionDetector

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
            if name.endswith("bias") and len(bias) == 6 * 91:  # anchors and categories
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


@pytest.mark.parametrize("threshold", [0.3, 0.42])
def test_persons_are_those_of_the_library(network, file, threshold):
    boxes, labels, scores = library(network, IMAGE)
    expected = boxes[(labels == PERSON) & (scores >= threshold)]
    assert 2 < len(expected) < len(boxes) - 2
    detector = TorchvisionDetector(f"{SSDLITE}:{file}", threshold)
    found = detector.detect(IMAGE).boxes_xyxy
    assert found == pytest.approx(expected, abs=1e-3) and found.dtype == np.float64
    assert detector.refinement == "none"
    assert (found[:, :2] >= 0).all() and found[:, 2].max() <= 230 and found[:, 3].max() <= 150


def test_safetensors_and_a_training_scripts_wrapper(network, file, tmp_path):
    expected = TorchvisionDetector(f"{SSDLITE}:{file}").detect(IMAGE).boxes_xyxy
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    torch.save({"model": network.state_dict(), "epoch": 3}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        assert np.array_equal(TorchvisionDetector(f"{SSDLITE}:{tmp_path / name}").detect(IMAGE).boxes_xyxy, expected)


def test_published_weights_come_through_the_library_which_checks_their_hash(network, file, monkeypatch):
    asked = []

    def download(url, path, hash_prefix=None, progress=True):
        asked.append((url, hash_prefix))
        torch.save(network.state_dict(), path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    found = TorchvisionDetector(SSDLITE, 0.42).detect(IMAGE).boxes_xyxy
    [(url, checksum)] = asked
    assert url.startswith("https://download.pytorch.org/models/ssdlite320") and len(checksum) >= 8 and checksum in url
    assert np.array_equal(found, TorchvisionDetector(f"{SSDLITE}:{file}", 0.42).detect(IMAGE).boxes_xyxy)


def test_a_download_of_another_hash_is_refused(monkeypatch):
    def download(url, path, hash_prefix=None, progress=True):
        raise RuntimeError('invalid hash value (expected "a79551df", got "00")')

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(ValueError, match=f"weights {SSDLITE} cannot be used: invalid hash value"):
        TorchvisionDetector(SSDLITE)


def test_threads_do_not_disturb_each_other(file):
    detector = TorchvisionDetector(f"{SSDLITE}:{file}", 0.42, threads=1)
    images = [IMAGE[: 150 - 20 * i, 15 * i :] for i in range(4)]
    expected = [detector.detect(image).boxes_xyxy for image in images]
    assert len({len(boxes) for boxes in expected}) > 1
    with ThreadPoolExecutor(4) as pool:
        for boxes, found in zip(expected, pool.map(detector.detect, images), strict=True):
            assert np.array_equal(boxes, found.boxes_xyxy)


class Trap:
    """What unpickling must not run."""

    def __reduce__(self):
        return print, ("sprung",)


def test_weights_that_cannot_be_used(file, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"no detector 'yolo'; choose one of .*fcos_resnet50_fpn.*BUILDER:FILE"):
        TorchvisionDetector("yolo")
    with pytest.raises(ValueError, match="no detector 'resnet50'"):  # which is no detector
        TorchvisionDetector("resnet50")
    with pytest.raises(FileNotFoundError, match=r"no detector file none\.pth"):
        TorchvisionDetector(f"{SSDLITE}:none.pth")
    with pytest.raises(ValueError, match=r"cannot be used: .*Missing key") as caught:
        TorchvisionDetector(f"fasterrcnn_mobilenet_v3_large_320_fpn:{file}")
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)
    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match=r"trap\.pth is damaged or holds no weights"):
        TorchvisionDetector(f"{SSDLITE}:{tmp_path / 'trap.pth'}")
    assert "sprung" not in capsys.readouterr().out


def test_a_device_that_is_not_there(file):
    with pytest.raises(ValueError, match="no device 'tpu' here"):
        TorchvisionDetector(f"{SSDLITE}:{file}", device="tpu")
