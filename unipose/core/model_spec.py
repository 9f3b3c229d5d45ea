"""ModelSpec: the metadata inside a model file: everything needed to run it and to read its heatmaps."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.boxes import iou
from unipose.core.logistic import logistic, logit
from unipose.core.pose import Pose, best_mean
from unipose.core.skeleton import Skeleton
from unipose.core.types import Float, Float32, Float64

METADATA_KEY = "unipose"  # the key of the spec's JSON in the metadata of an ONNX or safetensors file


KINDS = ("pose", "finder")


@dataclass(frozen=True)
class KeypointScore:
    """How likely a keypoint is right, from its map's maximum: a logistic function of `slope` times its square root.

    So a higher maximum always ranks higher, above 1 too, and a map of nothing stays near 0; both would be lost with the
    maximum itself, and Brier scores are worse with its logarithm.
    """

    bias: float
    slope: float

    def __call__(self, peak: Float) -> Float32:
        """Maxima of maps (...) -> 0 to 1."""
        return logistic(self.bias + self.slope * np.sqrt(np.maximum(peak, 0))).astype(np.float32)


@dataclass(frozen=True)
class PersonScore:
    """How likely a detected pose is right (OKS above 0.5): a logistic function of four numbers, each with its weight.

    `detection`: of the logit of the detection's score; `keypoints`: of that of the keypoints' `best_mean`; `overlap`:
    of the IoU of the detected box and the box around the confident keypoints, which domes and statues fill worse than
    people; `area`: of the logarithm of the share of the image that the detected box takes. `threshold` is the person
    score from which a pose is shown, unless somebody asks otherwise.
    """

    bias: float
    detection: float
    keypoints: float
    threshold: float
    overlap: float = 0.0
    area: float = 0.0

    def __call__(self, pose: Pose, image_wh: tuple[int, int]) -> float:
        """A pose with the score of its detection -> 0 to 1."""
        weights = (self.bias, self.detection, self.keypoints, self.overlap, self.area)
        return float(logistic(self.features(pose, image_wh) @ weights))

    @staticmethod
    def features(pose: Pose, image_wh: tuple[int, int]) -> Float64:
        """1, and what the weights weigh -> (5,)."""
        found, posed = logit([pose.detection or 0.0, best_mean(pose.score)], 1e-3)
        box = np.asarray(pose.box_xyxy, np.float64)
        overlap = 0.0 if pose.keypoint_box is None else iou(box[None], pose.keypoint_box[None]).item()
        share = float(np.prod(box[2:] - box[:2]) / np.prod(image_wh))
        return np.array([1.0, found, posed, overlap, log(max(share, 1e-6))])


@dataclass(frozen=True)
class ModelSpec:
    """A model's input, output and origin.

    The model takes (B, 3, H, W) float32, (RGB / 255 - `mean`) / `std`, with (W, H) = `input_wh`, and returns heatmaps
    (B, K, H / stride, W / stride): Gaussians of peak 1 and `sigma` cells, one per keypoint of `skeleton`. `margin` is
    how many times larger than the person's box the training crops were. `network` holds the arguments that build it in
    PyTorch; with `lstm_channels` it is recurrent, and its state is a further input and output (`state_channels`).
    `provenance` says where its weights come from. `kind`: a "pose" model, or a "finder", whose maps and `skeleton` are
    those of `core.box_maps`. `keypoint_score`: of its calibrated keypoints; `person_score`: of poses that a detector
    found. Raises ValueError for sizes that do not match, and for an unknown kind.
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
    keypoint_score: KeypointScore | None = None
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

    def scores(self, peak: Float) -> Float32:
        """The keypoints' scores, 0 to 1, from the maxima of their maps (...): without calibration the maxima."""
        return self.keypoint_score(peak) if self.keypoint_score else np.clip(peak, 0, 1).astype(np.float32)

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
            for key, rule in (("keypoint_score", KeypointScore), ("person_score", PersonScore)):
                if values.get(key):
                    values[key] = rule(**values[key])
            return cls(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a UniPose model spec: {error!r}") from error


def read_spec(path: str | Path, metadata: Mapping[str, str]) -> ModelSpec:
    """The spec in a model file's metadata. Raises ValueError, which names the file, for a damaged one."""
    try:
        return ModelSpec.from_json(metadata[METADATA_KEY])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
