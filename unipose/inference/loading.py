"""Loading: a model file and a detector as the Predictor that uses them."""

from pathlib import Path

from unipose.inference.detectors.detector import open_detector
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.weights import named_model, weights_beside


def load(
    model: str | Path = "default",
    *,
    engine: str | None = None,
    device: str = "cpu",
    threads: int = 0,
    precision: str = "auto",
    detector: str = "finder",
    detector_weights: str | None = None,
    detector_threshold: float | None = None,
    flip: bool = False,
    max_batch: int | None = None,
    decoder: str = "dark",
    min_score: float | None = None,
) -> Predictor:
    """Load a model and a detector -> the Predictor that uses them.

    >>> predictor = unipose.load()
    >>> len(predictor.spec.skeleton.keypoints)
    19
    >>> exact = unipose.load(flip=True, min_score=0.5)

    `model`: an .onnx or .safetensors file, or a name in `unipose.weights.NAMES`. `engine`, `device`, `threads` and
    `precision` are those of `runtime.engines.open_runtime`, the `detector`'s those of `open_detector`, the others those
    of `Predictor`. Raises ValueError, OSError or ImportError for what cannot be loaded.
    """
    if not isinstance(device, str):
        raise ValueError(f"a device is cpu, cuda, or one of several as cuda:0; got {device!r}")
    path = named_model(str(model), device, engine)
    runtime = open_runtime(path, engine, device, threads, precision)
    first = device.partition(",")[0]  # a detector has one copy
    weights = weights_beside(detector, detector_weights, path)
    opened = open_detector(detector, weights, detector_threshold, first, threads, precision)
    return Predictor(runtime, opened, flip, max_batch, decoder, min_score)
