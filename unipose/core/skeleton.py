"""Skeletons: the keypoints of a pose, their mirror partners, their limbs, and the constants the metrics need."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from unipose.core.sides import keypoint_keys, mirror_names
from unipose.core.types import Json


@dataclass(frozen=True)
class Skeleton:
    """K named keypoints and everything that depends on their order.

    `mirror[i]` is the keypoint that i becomes in a mirrored image; `limbs` are pairs of keypoints to draw;
    `oks_sigmas` are COCO's per-keypoint standard deviations (in units of the square root of the person's area);
    `torso` is the pair of keypoints whose distance is PCK's unit; `pckh_excluded` are left out of PCKh's mean.

    Raises ValueError where these contradict each other.
    """

    name: str
    keypoints: tuple[str, ...]
    mirror: tuple[int, ...]
    limbs: tuple[tuple[int, int], ...]
    oks_sigmas: tuple[float, ...]
    torso: tuple[int, int]
    pckh_excluded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.keypoints)
        if len(set(self.keypoints)) != count or count == 0:
            raise ValueError(f"skeleton {self.name}: keypoint names must be present and unique, got {self.keypoints}")
        if len(self.mirror) != count or any(self.mirror[j] != i for i, j in enumerate(self.mirror)):
            raise ValueError(f"skeleton {self.name}: mirror must pair keypoints both ways, got {self.mirror}")
        if len(self.oks_sigmas) != count or min(self.oks_sigmas) <= 0:
            raise ValueError(f"skeleton {self.name}: needs {count} positive oks_sigmas, got {self.oks_sigmas}")
        indices = [i for group in (*self.limbs, self.torso, self.pckh_excluded) for i in group]
        if any(not 0 <= i < count for i in indices):
            raise ValueError(f"skeleton {self.name}: limbs, torso and pckh_excluded must be indices below {count}")

    def find(self, names: Sequence[str]) -> list[int]:
        """The index of each of these keypoints, by its name however it is spelt; -1 for one that is not here."""
        return _find(self.keypoints, names)

    def to_dict(self) -> Json:
        return asdict(self)

    def to_coco_category(self) -> Json:
        """The `person` category of a COCO file, whose limbs number the keypoints from 1."""
        limbs = [[a + 1, b + 1] for a, b in self.limbs]
        return {"id": 1, "name": "person", "keypoints": list(self.keypoints), "skeleton": limbs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Skeleton":
        """The inverse of `to_dict`; sequences may be lists, as in JSON and YAML."""
        values = dict(data)
        for key in ("keypoints", "mirror", "oks_sigmas", "torso", "pckh_excluded"):
            if key in values:
                values[key] = tuple(values[key])
        values["limbs"] = tuple((int(a), int(b)) for a, b in values["limbs"])
        return cls(**values)


def skeleton_from_names(
    name: str,
    keypoints: Sequence[str],
    limbs: Sequence[Sequence[str]],
    torso: Sequence[str] = ("left_shoulder", "right_hip"),
    mirror: Mapping[str, str] | None = None,
    sigmas: Mapping[str, float] | None = None,
    pckh_excluded: Sequence[str] = (),
) -> Skeleton:
    """A skeleton given by keypoint names, as in a skeleton's YAML file: limbs and torso are pairs of names.

    Unless `mirror` says otherwise, left_x and right_x are mirror partners, however they are spelt (`core.sides`), and
    every other keypoint is its own; a keypoint without a sigma gets 0.08, near the middle of COCO's. Raises ValueError
    for an unknown keypoint name, and for one that has a side but no partner.
    """

    def at(keypoint: str) -> int:
        [index] = _find(keypoints, [keypoint])
        if index < 0:
            nearest = get_close_matches(keypoint, keypoints, 1, 0.0)
            raise ValueError(f"skeleton {name} has no keypoint {keypoint!r}; did you mean {' '.join(nearest)!r}?")
        return index

    for keypoint in (*(sigmas or {}), *(mirror or {})):
        at(keypoint)
    partners = dict(zip(keypoints, mirror_names(keypoints), strict=True)) | dict(mirror or {})
    for keypoint, partner in partners.items():
        if partner is None:
            raise ValueError(
                f"skeleton {name}: {keypoint!r} is of one side, and no keypoint alone is the same of the other; say in "
                f"mirror what it becomes in a mirrored image, such as {{{keypoint}: {keypoint}}}"
            )
    return Skeleton(
        name=name,
        keypoints=tuple(keypoints),
        mirror=tuple(at(str(partners[keypoint])) for keypoint in keypoints),
        limbs=tuple((at(a), at(b)) for a, b in limbs),
        oks_sigmas=tuple((sigmas or {}).get(keypoint, 0.08) for keypoint in keypoints),
        torso=(at(torso[0]), at(torso[1])),
        pckh_excluded=tuple(at(keypoint) for keypoint in pckh_excluded),
    )


def _find(keypoints: Sequence[str], names: Sequence[str]) -> list[int]:
    """The index of each of `names` among the keypoints, or where none is spelt so, of one with its key; else -1."""
    exact = {name: i for i, name in enumerate(keypoints)}
    spelt = {key: i for i, key in enumerate(keypoint_keys(keypoints))}
    return [exact.get(name, spelt.get(key, -1)) for name, key in zip(names, keypoint_keys(names), strict=True)]


def _published(name: str, sigmas: dict[str, float], limbs: str, pckh_excluded: Sequence[str] = ()) -> Skeleton:
    """A published data set's skeleton; `limbs` lists pairs as "a-b c-d"."""
    pairs = [limb.split("-") for limb in limbs.split()]
    return skeleton_from_names(name, tuple(sigmas), pairs, sigmas=sigmas, pckh_excluded=pckh_excluded)


# COCO's published sigmas; joints that COCO does not label (neck, head top, pelvis ...) take the nearest joint's.
_NOSE, _EYE, _EAR, _SHOULDER, _ELBOW, _WRIST, _HIP, _KNEE, _ANKLE = (
    0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089,
)  # fmt: skip
_LEGS = (
    "right_ankle-right_knee right_knee-right_hip left_ankle-left_knee left_knee-left_hip "
    "right_wrist-right_elbow right_elbow-right_shoulder left_wrist-left_elbow left_elbow-left_shoulder "
)

_COCO = {
    "nose": _NOSE, "left_eye": _EYE, "right_eye": _EYE, "left_ear": _EAR, "right_ear": _EAR,
    "left_shoulder": _SHOULDER, "right_shoulder": _SHOULDER, "left_elbow": _ELBOW, "right_elbow": _ELBOW,
    "left_wrist": _WRIST, "right_wrist": _WRIST, "left_hip": _HIP, "right_hip": _HIP,
    "left_knee": _KNEE, "right_knee": _KNEE, "left_ankle": _ANKLE, "right_ankle": _ANKLE,
}  # fmt: skip
_COCO_LIMBS = (
    _LEGS + "left_hip-right_hip left_shoulder-right_shoulder left_shoulder-left_hip right_shoulder-right_hip "
    "nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear left_eye-right_eye "
    "left_ear-left_shoulder right_ear-right_shoulder"
)

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        _published("coco17", _COCO, _COCO_LIMBS),
        # COCO's keypoints first, so that a pose's first 17 are COCO's own.
        _published(
            "body19",
            _COCO | {"neck": _SHOULDER, "head_top": _EAR},
            _COCO_LIMBS + " head_top-neck neck-left_shoulder neck-right_shoulder",
        ),
        _published(
            "mpii16",
            {
                "right_ankle": _ANKLE, "right_knee": _KNEE, "right_hip": _HIP, "left_hip": _HIP, "left_knee": _KNEE,
                "left_ankle": _ANKLE, "pelvis": _HIP, "thorax": _SHOULDER, "upper_neck": _SHOULDER, "head_top": _EAR,
                "right_wrist": _WRIST, "right_elbow": _ELBOW, "right_shoulder": _SHOULDER, "left_shoulder": _SHOULDER,
                "left_elbow": _ELBOW, "left_wrist": _WRIST,
            },
            _LEGS + "right_hip-pelvis left_hip-pelvis pelvis-thorax thorax-upper_neck upper_neck-head_top "
            "right_shoulder-thorax left_shoulder-thorax",
            pckh_excluded=("pelvis", "thorax"),
        ),
        _published(
            "lsp14",
            {
                "right_ankle": _ANKLE, "right_knee": _KNEE, "right_hip": _HIP, "left_hip": _HIP, "left_knee": _KNEE,
                "left_ankle": _ANKLE, "right_wrist": _WRIST, "right_elbow": _ELBOW, "right_shoulder": _SHOULDER,
                "left_shoulder": _SHOULDER, "left_elbow": _ELBOW, "left_wrist": _WRIST, "neck": _SHOULDER,
                "head_top": _EAR,
            },
            _LEGS + "right_hip-left_hip right_shoulder-right_hip left_shoulder-left_hip right_shoulder-neck "
            "left_shoulder-neck neck-head_top",
        ),
        _published(
            "penn13",
            {
                "head": _EAR, "left_shoulder": _SHOULDER, "right_shoulder": _SHOULDER, "left_elbow": _ELBOW,
                "right_elbow": _ELBOW, "left_wrist": _WRIST, "right_wrist": _WRIST, "left_hip": _HIP,
                "right_hip": _HIP, "left_knee": _KNEE, "right_knee": _KNEE, "left_ankle": _ANKLE,
                "right_ankle": _ANKLE,
            },
            _LEGS + "right_hip-left_hip right_shoulder-left_shoulder right_shoulder-right_hip left_shoulder-left_hip "
            "head-right_shoulder head-left_shoulder",
        ),
        _published(
            "jhmdb15",
            {
                "neck": _SHOULDER, "belly": _HIP, "face": _EAR, "right_shoulder": _SHOULDER,
                "left_shoulder": _SHOULDER, "right_hip": _HIP, "left_hip": _HIP, "right_elbow": _ELBOW,
                "left_elbow": _ELBOW, "right_knee": _KNEE, "left_knee": _KNEE, "right_wrist": _WRIST,
                "left_wrist": _WRIST, "right_ankle": _ANKLE, "left_ankle": _ANKLE,
            },
            _LEGS + "face-neck neck-belly right_shoulder-neck left_shoulder-neck right_hip-belly left_hip-belly",
        ),
    )
}  # fmt: skip
