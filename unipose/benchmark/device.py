"""What a device can do at most, and how near a network's runtime and training come to that."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import cast

import numpy as np
import torch
from rich.console import Console
from torch import nn

from unipose.benchmark.throughput import loading_rate, measure_in_turn, step_rate, training_rate
from unipose.core.hardware import cores
from unipose.core.image import encode_image, read_image
from unipose.core.timing import call_times
from unipose.datasets.synthetic.images import draw_image, draw_sample
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import deployed
from unipose.modeling.flops import count_macs
from unipose.modeling.folding import fold_norms
from unipose.runtime.engines import Torch
from unipose.training.build import build_run
from unipose.training.config import Config
from unipose.training.precision import PRECISIONS, autocast_dtype
from unipose.training.sets import read_data

PHOTO_WH, PERSON_WH = (640, 480), (256, 320)
DRAWN = 64  # pictures to train on, over and over
BACKWARD = 2  # times the work of a forward pass
CEILINGS = ("matrix product fp32", "matrix product bf16", "memory", "upload", "JPEG")


@dataclass(frozen=True)
class Measured:
    """People or images a second at a batch size; what each costs in FLOP; what others allow, as people/s, by name."""

    name: str
    batch: int
    rate: float
    flops: float
    allowed: Mapping[str, float]

    @property
    def bottleneck(self) -> tuple[str, float]:
        """What allows least, and how much of that is reached."""
        name = min(self.allowed, key=lambda name: self.allowed[name])
        return name, self.rate / self.allowed[name]


@dataclass(frozen=True)
class DeviceReport:
    """`ceilings`: FLOP/s, bytes/s or images/s, by the names in CEILINGS; `precision`: what the network is run in."""

    network: str
    precision: str
    ceilings: Mapping[str, float]
    measured: Sequence[Measured]

    def share(self, row: Measured) -> float:
        """Of the peak, a matrix product of the same precision."""
        return row.rate * row.flops / self.ceilings[f"matrix product {self.precision}"]


def measure_device(
    config: Config, device: torch.device, folder: Path, batches: Sequence[int], seconds: float, compiled: bool
) -> DeviceReport:
    """Measure the network of a configuration, with weights of chance, on drawn pictures in `folder`, all in turn.

    `batches`: the runtime's batch sizes; of training it is the configuration's. `compiled`: torch.compile's forward
    pass is what the runtime is compared with, which takes a minute or two to compile for each batch size, and training
    is left out. Raises ValueError for train.precision=fp16.
    """
    if not config.data.train:
        train, _ = draw_sample(folder, DRAWN + DRAWN // 4, seed=0, size_wh=PHOTO_WH, figures=(1,))
        times = 1 + 4 * config.train.batch_size // DRAWN
        config = replace(config, data=replace(config.data, train=(train,) * times))
    training, _ = read_data(config.data, folder, Console(quiet=True))
    ordinary, resident = (replace(config, data=replace(config.data, resident=place)) for place in ("none", "gpu"))
    runs = {"none": build_run(ordinary, training, None, device)}
    if not compiled:
        runs["gpu"] = build_run(resident, training, None, device)
    run = runs["none"]
    network, spec = fold_norms(deployed(deepcopy(run.trainer.unwrapped), run.spec)), run.spec
    dtype = autocast_dtype(config.train.precision, device)
    if dtype is torch.float16:
        raise ValueError("a device is measured in fp32 or bf16: set train.precision to one of them")
    precision = next(name for name, its in PRECISIONS.items() if its is dtype)
    flops = 2 * count_macs(network, spec.input_wh)[0]

    timed = partial(_rate, device=device, seconds=seconds)
    measures: dict[tuple[str, int], Callable[[], float]] = {
        (name, 0): partial(timed, *what) for name, what in zip(CEILINGS, _ceilings(device), strict=True)
    }
    forward = Forward(network, device, dtype, compiled)
    runtime = Torch.of_module(network, spec, str(device), precision, largest=None)
    for batch in batches:
        measures["forward pass", batch] = partial(timed, batch, forward.of(batch, spec.input_wh))
        measures["pictures to poses", batch] = partial(timed, batch, _poses(runtime, batch))
    size = config.train.batch_size
    steps = 12 if device.type == "cuda" else 2
    trained = {} if compiled else runs
    for place, one in trained.items():
        for name, what in (("loader", loading_rate), ("training step", step_rate), ("training", training_rate)):
            measures[_named(name, place), size] = partial(what, one, steps)
    values = {key: median(found) for key, found in measure_in_turn(measures).items()}

    ceilings = {name: values[name, 0] for name in CEILINGS}
    uploads = ceilings["upload"] / (3 * PERSON_WH[0] * PERSON_WH[1])
    rows = []
    for batch in batches:
        passes = values["forward pass", batch]
        rows.append(Measured("forward pass", batch, passes, flops, {}))
        limits = {"forward pass": passes, "upload": uploads}
        rows.append(Measured("pictures to poses", batch, values["pictures to poses", batch], flops, limits))
    for place in trained:
        limits = {name: values[_named(name, place), size] for name in ("loader", "training step")}
        rate = values[_named("training", place), size]
        rows.append(Measured(_named("training", place), size, rate, (1 + BACKWARD) * flops, limits))
        rows += [Measured(_named(name, place), size, limit, 0.0, {}) for name, limit in limits.items()]
    width, height = spec.input_wh
    return DeviceReport(f"{config.model.trunk} at {width}x{height}", precision, ceilings, rows)


def _named(name: str, place: str) -> str:
    return f"{name}, pictures on the device" if place == "gpu" else name


def _rate(count: float, call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """How many a second, of which a call does `count`."""

    def whole() -> None:
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return count / median(call_times(whole, count=3, seconds=seconds))


def _ceilings(device: torch.device) -> list[tuple[float, Callable[[], object]]]:
    """For each of CEILINGS how much a call does, and the call."""
    on_gpu = device.type == "cuda"
    side, numbers = (8192, 1 << 28) if on_gpu else (1024, 1 << 24)
    fp32 = torch.randn(2, side, side, device=device)
    bf16 = fp32.bfloat16()
    source, target = torch.zeros(2, numbers, device=device)
    host = torch.zeros(numbers // 8, pin_memory=on_gpu)
    there = torch.empty(host.shape, device=device)
    file = encode_image(draw_image(np.random.default_rng(0), PHOTO_WH)[0])
    files, pool = 4 * cores(), ThreadPoolExecutor(cores())
    return [
        (2 * side**3, lambda: fp32[0] @ fp32[1]),
        (2 * side**3, lambda: bf16[0] @ bf16[1]),
        (2 * source.nbytes, lambda: target.copy_(source)),  # read and written
        (host.nbytes, lambda: there.copy_(host, non_blocking=True)),
        (files, lambda: list(pool.map(read_image, repeat(file, files)))),
    ]


class Forward:
    """A network's forward pass alone, on inputs that lie on the device."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype, compiled: bool):
        module = deepcopy(network).to(device=device, dtype=dtype, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        # For each batch size anew: what serves any is slower.
        self._module = cast(nn.Module, torch.compile(module, dynamic=False) if compiled else module)
        self._device, self._dtype, self._compiled = device, dtype, compiled

    def of(self, batch: int, input_wh: tuple[int, int]) -> Callable[[], object]:
        width, height = input_wh
        images = torch.randn(batch, 3, height, width, device=self._device, dtype=self._dtype)
        images = images.to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def call() -> object:
            return self._module(images)

        return self._graphed(call) if self._device.type == "cuda" and not self._compiled else call

    def _graphed(self, call: Callable[[], object]) -> Callable[[], object]:
        """Launched at once, as the runtime is: one by one the kernels of a small batch would wait for the host."""
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        with torch.cuda.device(self._device):
            with torch.cuda.stream(stream):
                for _ in range(3):
                    call()
            with torch.cuda.graph(graph, stream=stream):
                kept = call()

        def replay() -> object:
            graph.replay()
            return kept

        return replay


def _poses(runtime: Torch, batch: int) -> Callable[[], object]:
    """From so many pictures of a person in the host's memory to their poses there."""
    rng = np.random.default_rng(0)
    images = [draw_image(rng, PERSON_WH)[0] for _ in range(min(batch, 8))]
    images = [images[i % len(images)] for i in range(batch)]
    boxes = [[[0, 0, *PERSON_WH]]] * batch
    predictor = Predictor(runtime, max_batch=batch)
    return lambda: predictor.predict(images, boxes)
