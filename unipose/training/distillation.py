"""Teacher: a trained network whose maps are learned along with the labels (Hinton et al., 2015)."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from unipose.core.model_spec import ModelSpec
from unipose.modeling.checkpoint import load_model
from unipose.modeling.warp import Normalise


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network with its final activation, which a student's targets are mixed with.

    `places`: of the student's keypoints among the teacher's. `mass` is the sum of a target's cells, to which maps are
    scaled: a Gaussian of peak 1 and sigma cells has 2 pi sigma^2. `weight`: of the teacher's maps at the first step,
    which falls to 0 at the last one.
    """

    network: nn.Module
    input_hw: tuple[int, int]
    normalise: Normalise
    places: Tensor
    mass: float
    weight: float

    @torch.no_grad()
    def mix(self, image: Tensor, target: Tensor, done: float) -> Tensor:
        """Images (B, H, W, 3) of uint8 and targets (B, K, h, w) -> targets, when `done`, 0 to 1, of the steps are."""
        share = self.weight * (1 - done)
        if share <= 0:
            return target
        pixels = functional.interpolate(image.movedim(-1, 1).float(), self.input_hw, mode="bilinear")
        maps = self.network(self.normalise(pixels)).index_select(1, self.places).float().clamp_min(0)
        maps = functional.interpolate(maps, target.shape[-2:], mode="area")
        maps = maps * (self.mass / maps.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-6))
        return target.lerp(maps, share)


def open_teacher(path: str | Path, student: ModelSpec, weight: float, device: torch.device) -> Teacher:
    """Raises ValueError for a model that cannot teach this one: of another kind, recurrent, without a keypoint that the
    student has, or whose input has another shape.
    """
    network, spec = load_model(path)
    if "finder" in (spec.kind, student.kind) or spec.state_channels or student.state_channels:
        raise ValueError(f"train.teacher={path}: a network of single poses learns from another such one")
    if spec.input_wh[0] * student.input_wh[1] != spec.input_wh[1] * student.input_wh[0]:
        raise ValueError(
            f"train.teacher={path} sees {spec.input_wh[0]}x{spec.input_wh[1]}: model.input_wh must have its proportions"
        )
    places = spec.skeleton.find(student.skeleton.keypoints)
    if missing := [name for name, place in zip(student.skeleton.keypoints, places, strict=True) if place < 0]:
        raise ValueError(f"train.teacher={path} does not know the keypoints {', '.join(missing)}")
    return Teacher(
        network=network.to(device=device, memory_format=torch.channels_last).requires_grad_(False),  # type: ignore[call-overload]
        input_hw=(spec.input_wh[1], spec.input_wh[0]),
        normalise=Normalise(spec.mean, spec.std).to(device),
        places=torch.tensor(places, device=device),  # a list would be copied, and waited for, in every step
        mass=2 * math.pi * student.sigma**2,
        weight=weight,
    )
