"""Inference: what runs a model, and what runs the peers' architectures, as calls to be timed against each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from unipose.core.hardware import cores
from unipose.modeling.checkpoint import load_model
from unipose.modeling.flops import count_macs
from unipose.runtime.engines import Runtime, Torch, installed, open_runtime

SECONDS = 1.0  # spent on each measure in each round


@dataclass(frozen=True)
class Contender:
    """`run(batch)` looks at so many people, at `flops` each, two for a multiply-accumulate of whatever precision."""

    name: str
    engine: str
    precision: str
    flops: float
    run: Callable[[int], object]


def ours(weights: Path, exported: Path, int8: Path | None) -> Iterator[Contender]:
    """A model's file for PyTorch, the same exported, and quantized; on the engines that are installed."""
    module, spec = load_model(weights)
    width, height = spec.input_wh
    flops = 2 * count_macs(module, spec.input_wh)[0]
    rng = np.random.default_rng(0)

    def contender(engine: str, precision: str, runtime: Runtime) -> Contender:
        inputs = {batch: rng.standard_normal((batch, 3, height, width), np.float32) for batch in (1, 8)}
        return Contender(spec.name, engine, precision, flops, lambda batch: runtime.run(inputs[batch]))

    for precision in ("fp32", "bf16"):
        yield contender("PyTorch", precision, Torch.of_module(load_model(weights)[0], spec, precision=precision))
        compiled: Any = torch.compile(load_model(weights)[0].eval())
        yield contender("torch.compile", precision, Torch.of_module(compiled, spec, precision=precision))
    for engine in installed(exported):
        yield contender(engine, "fp32", open_runtime(exported, engine, precision="fp32"))
        if engine == "openvino":
            yield contender(engine, "bf16", open_runtime(exported, engine, precision="bf16"))
        if int8:
            yield contender(engine, "int8", open_runtime(int8, engine))


def peers() -> Iterator[Contender]:
    """Published architectures with random weights, at their own input, from the packages that are installed."""
    for name, package, (width, height), build in PEERS:
        if find_spec(package) is None:
            continue
        module = build().eval()
        image = torch.randn(1, 3, height, width)
        flops = 2 * count_macs(module, (width, height))[0]
        batches = {1: image, 8: image.expand(8, -1, -1, -1).contiguous()}
        yield Contender(name, "PyTorch", "fp32", flops, partial(_forward, module, batches))
        if find_spec("openvino") and name not in NO_TRACE:
            yield Contender(name, "openvino", "fp32", flops, _openvino(module, batches))


def _hrnet() -> nn.Module:
    import timm

    class Pose(nn.Module):
        """HRNet-W32's trunk and the 1x1 convolution that reads its stride-4 features, which is its pose network."""

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


# Name, package, (width, height), how it is built.
PEERS: tuple[tuple[str, str, tuple[int, int], Callable[[], nn.Module]], ...] = (
    ("HRNet-W32 256x192", "timm", (192, 256), _hrnet),
    ("ViTPose-B 256x192", "transformers", (192, 256), _vitpose),
    ("keypoint R-CNN 480x640, with its detector", "torchvision", (640, 480), _keypoint_rcnn),
)
NO_TRACE = ("keypoint R-CNN 480x640, with its detector",)  # what it does depends on what it finds


@torch.inference_mode()
def _forward(module: nn.Module, batches: dict[int, torch.Tensor], batch: int) -> object:
    return module(batches[batch])


def _openvino(module: nn.Module, batches: dict[int, torch.Tensor]) -> Callable[[int], object]:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    model = openvino.Core().compile_model(openvino.convert_model(module, example_input=batches[8]), "CPU", settings)
    return lambda batch: model.create_infer_request().infer([batches[batch].numpy()])


def peak(dtype: torch.dtype, side: int = 2048) -> float:
    """FLOP/s of the faster of numpy's and PyTorch's matrix product: about what a network could reach at most."""
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    products: list[Callable[[], object]] = [lambda: a @ b]
    if dtype == torch.float32:
        x, y = a.numpy(), b.numpy()
        products.append(lambda: x @ y)
    return 2 * side**3 / min(map(seconds, products))


def seconds(run: Callable[[], object]) -> float:
    """The median time of a call, over `SECONDS` of them, after one that does not count."""
    run()
    times: list[float] = []
    while not times or sum(times) < SECONDS:
        began = perf_counter()
        run()
        times.append(perf_counter() - began)
    return median(times)
