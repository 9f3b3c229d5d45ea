"""Inference speed: a model on every engine and published peers of it, as candidates to be timed in turn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from unipose.core.hardware import cores
from unipose.core.timing import call_times
from unipose.modeling.checkpoint import load_model
from unipose.modeling.flops import count_macs
from unipose.runtime.engines import Torch, installed, open_runtime
from unipose.runtime.runtime import Runtime

SECONDS = 1.0  # for each measure in each round


@dataclass(frozen=True)
class Candidate:
    """A network on an engine: `run(batch)` infers so many people, at `flops` each, 2 for each multiply-accumulate."""

    name: str
    engine: str
    precision: str
    flops: float
    run: Callable[[int], object]


def model_candidates(weights: Path, exported: Path, int8: Path | None) -> Iterator[Candidate]:
    """A model on PyTorch, exported and quantized, on the engines that are installed."""
    module, spec = load_model(weights)
    width, height = spec.input_wh
    flops = 2 * count_macs(module, spec.input_wh)[0]
    rng = np.random.default_rng(0)

    def candidate(engine: str, precision: str, runtime: Runtime) -> Candidate:
        inputs = {batch: rng.standard_normal((batch, 3, height, width), np.float32) for batch in (1, 8)}
        return Candidate(spec.name, engine, precision, flops, lambda batch: runtime.run(inputs[batch]))

    for precision in ("fp32", "bf16"):
        yield candidate("PyTorch", precision, Torch.of_module(load_model(weights)[0], spec, precision=precision))
        compiled: Any = torch.compile(load_model(weights)[0].eval())
        yield candidate("torch.compile", precision, Torch.of_module(compiled, spec, precision=precision))
    for engine in installed(exported):
        yield candidate(engine, "fp32", open_runtime(exported, engine, precision="fp32"))
        if engine == "openvino":
            yield candidate(engine, "bf16", open_runtime(exported, engine, precision="bf16"))
        if int8:
            yield candidate(engine, "int8", open_runtime(int8, engine))


def peer_candidates() -> Iterator[Candidate]:
    """Published architectures with random weights, at their own input size, if their packages are installed."""
    for name, package, (width, height), build in PEERS:
        if find_spec(package) is None:
            continue
        module = build().eval()
        image = torch.randn(1, 3, height, width)
        flops = 2 * count_macs(module, (width, height))[0]
        batches = {1: image, 8: image.expand(8, -1, -1, -1).contiguous()}
        yield Candidate(name, "PyTorch", "fp32", flops, partial(_forward, module, batches))
        if find_spec("openvino") and name not in NO_TRACE:
            yield Candidate(name, "openvino", "fp32", flops, _openvino(module, batches))


def _hrnet() -> nn.Module:
    import timm

    class Pose(nn.Module):
        """HRNet-W32's pose network: its trunk, and a 1x1 convolution of the features at stride 4."""

        def __init__(self) -> None:
            super().__init__()
            self.trunk = timm.create_model("hrnet_w32", features_only=True, feature_location="", out_indices=(1,))
            self.maps = nn.Conv2d(32, 17, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps: torch.Tensor = self.maps(self.trunk(images)[0])
            return maps

    return Pose()


def _keypoint_rcnn() -> nn.Module:
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    module: nn.Module = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    return module


def _vitpose() -> nn.Module:
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    backbone = VitPoseBackboneConfig(image_size=[256, 192], out_features=["stage12"])
    module: nn.Module = VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone, num_labels=17))
    return module


# Name, package, (width, height), function that builds it.
PEERS: tuple[tuple[str, str, tuple[int, int], Callable[[], nn.Module]], ...] = (
    ("HRNet-W32 256x192", "timm", (192, 256), _hrnet),
    ("ViTPose-B 256x192", "transformers", (192, 256), _vitpose),
    ("keypoint R-CNN 480x640, with its detector", "torchvision", (640, 480), _keypoint_rcnn),
)
NO_TRACE = ("keypoint R-CNN 480x640, with its detector",)  # its graph depends on what it detects


@torch.inference_mode()
def _forward(module: nn.Module, batches: dict[int, torch.Tensor], batch: int) -> object:
    return module(batches[batch])


def _openvino(module: nn.Module, batches: dict[int, torch.Tensor]) -> Callable[[int], object]:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    model = openvino.Core().compile_model(openvino.convert_model(module, example_input=batches[8]), "CPU", settings)
    return lambda batch: model.create_infer_request().infer([batches[batch].numpy()])


def matmul_flops(dtype: torch.dtype, side: int = 2048) -> float:
    """FLOP/s of the faster matrix product, NumPy's or PyTorch's: about the most that a network could reach."""
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    products: list[Callable[[], object]] = [lambda: a @ b]
    if dtype == torch.float32:
        x, y = a.numpy(), b.numpy()
        products.append(lambda: x @ y)
    return 2 * side**3 / min(map(median_time, products))


def median_time(call: Callable[[], object]) -> float:
    """The median seconds of a call, over SECONDS of them, after a warm-up."""
    return median(call_times(call, seconds=SECONDS))
