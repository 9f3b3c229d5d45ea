"""ModelSpec: the metadata inside a model file: everything needed to run it and to read its heatmaps."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.skeleton import Skeleton
from unipose.core.types import Float

METADATA_KEY = "unipose"  # the key of the spec's JSON in the metadata of an ONNX or safetensors file


KINDS = ("pose", "finder")


@dataclass(frozen=True)
class PersonScore:
    """How likely a pose is right (OKS above 0.5), from its detection's score and its keypoints': a logistic function.

    `detection` weighs the detection score's logit, `keypoints` that of the mean of the `BEST` highest keypoint scores.
    `threshold` is the person score from which a pose is shown, unless somebody asks otherwise.
    """

    bias: float
    detection: float
    keypoints: float
    threshold: float

    def __call__(self, detection: float, keypoints: Float) -> float:
        """The scores of a detection and of its pose's keypoints (K,) -> 0 to 1."""
        found, posed = self.features(detection, keypoints)
        return 1 / (1 + exp(-(self.bias + self.detection * found + self.keypoints * posed)))

    @staticmethod
    def features(detection: float, keypoints: Float) -> tuple[float, float]:
        """What `detection` and `keypoints` weigh."""
        return logit(detection), logit(float(np.sort(keypoints)[-BEST:].mean()))


BEST = 12  # of the keypoints: a person who is partly hidden is a person


def logit(share: float) -> float:
    """log(p / (1 - p)), of a p kept a thousandth away from 0 and 1."""
    p = min(max(share, 1e-3), 1 - 1e-3)
    return log(p / (1 - p))


@dataclass(frozen=True)
class ModelSpec:
    """A model's input, output and origin.

    The model takes (B, 3, H, W) float32, (RGB / 255 - `mean`) / `std`, with (W, H) = `input_wh`, and returns heatmaps
    (B, K, H / stride, W / stride): Gaussians of peak 1 and `sigma` cells, one per keypoint of `skeleton`. `margin` is
    how many times larger than the person's box the training crops were. `network` holds the arguments that build it in
    PyTorch; with `lstm_channels` it is recurrent, and its state is a further input and output (`state_channels`).
    `provenance` says where its weights come from. `kind`: a "pose" model, or a "finder", whose maps and `skeleton` are
    those of `core.box_maps`. `person_score`: of poses that a detector found. Raises ValueError for sizes that do not
    match, and for an unknown kind.
    """

    name: str
    version: str
    skeleton: Skeleton
    input_wh: tuple[int, int]
    stride: int
    sigma: float
    margin: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    network: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    kind: str = "pose"
    person_score: PersonScore | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a model is one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.stride < 1 or any(side < self.stride or side % self.stride for side in self.input_wh):
            raise ValueError(f"the input size {self.input_wh} must be a multiple of the heatmap stride {self.stride}")
        if self.sigma <= 0 or self.margin <= 0 or min(self.std) <= 0:
            raise ValueError("sigma, margin and std must be positive")

    @property
    def heatmap_wh(self) -> tuple[int, int]:
        return self.input_wh[0] // self.stride, self.input_wh[1] // self.stride

    @property
    def state_channels(self) -> int:
        """Channels of the state that a recurrent network (`unipose_lstm`) carries from frame to frame; 0: none."""
        channels: int = self.network.get("lstm_channels", 0)
        return 2 * channels + len(self.skeleton.keypoints) + 1 if channels else 0

    def to_identity(self) -> dict[str, str]:
        """The model as responses and reports name it."""
        return {"name": self.name, "skeleton": self.skeleton.name, "version": self.version}

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """The inverse of `to_json`. Raises ValueError for text that is not a spec."""
        try:
            values = json.loads(text)
            values["skeleton"] = Skeleton.from_dict(values["skeleton"])
            for key in ("input_wh", "mean", "std"):
                values[key] = tuple(values[key])
            if values.get("person_score"):
                values["person_score"] = PersonScore(**values["person_score"])
            return cls(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a UniPose model spec: {error!r}") from error


def read_spec(path: str | Path, metadata: Mapping[str, str]) -> ModelSpec:
    """The spec in a model file's metadata. Raises ValueError, which names the file, for a damaged one."""
    try:
        return ModelSpec.from_json(metadata[METADATA_KEY])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
