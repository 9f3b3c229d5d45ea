"""Skeleton files: a user's own keypoints in YAML, the arguments of `skeleton_from_names`."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from unipose.core.skeleton import Skeleton, skeleton_from_names

NOTHING = ("", "~", "null")  # as text
KEYS = ("name", "keypoints", "limbs", "torso", "mirror", "sigmas", "pckh_excluded")


def read_skeleton(path: Path) -> Skeleton:
    """Every name is text, also where YAML would take it for a number or a truth value, as 1, on, yes and null.

    Raises ValueError, which names the file, for anything else.
    """
    try:
        values = yaml.load(path.read_bytes(), yaml.BaseLoader)  # which makes text of all values
        return _skeleton(values)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not a skeleton: {' '.join(str(error).split())}") from error


def _skeleton(values: Any) -> Skeleton:
    if not isinstance(values, dict):
        raise ValueError(f"it must have the keys {', '.join(KEYS[:4])}")
    for key in values:
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}; did you mean {get_close_matches(str(key), KEYS, 1, 0.0)[0]!r}?")
    for key in KEYS[:3]:
        if key not in values:
            raise ValueError(f"{key} is missing")
    for key in {"keypoints", "torso", "pckh_excluded"} & values.keys():
        if not _are_names(values[key]) or (key == "torso" and len(values[key]) != 2):
            raise ValueError(f"{key} must be a list of {'two ' if key == 'torso' else ''}names, got {values[key]!r}")
    values |= {key: None for key in ("limbs", "mirror", "sigmas") if values.get(key) in NOTHING}
    limbs = values["limbs"] or []
    if not isinstance(limbs, list) or not all(_are_names(limb) and len(limb) == 2 for limb in limbs):
        raise ValueError(f"limbs must be a list of pairs of names, got {limbs!r}")
    mirror, sigmas = values.get("mirror") or {}, values.get("sigmas") or {}
    if not isinstance(mirror, dict) or not _are_names(list(mirror.values())):
        raise ValueError(f"mirror must be names by names, as {{a: b, b: a}}, got {mirror!r}")
    try:
        numbers = {name: float(sigma) for name, sigma in sigmas.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"sigmas must be numbers by names, as {{wrist: 0.06}}, got {sigmas!r}") from error
    return skeleton_from_names(**values | {"limbs": limbs, "mirror": mirror, "sigmas": numbers})


def _are_names(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and value for value in values)


def sides(skeleton: Skeleton) -> str:
    """A line that says which keypoints trade places in a mirrored image."""
    names, mirror = skeleton.keypoints, skeleton.mirror
    pairs = [f"{names[i]} and {names[j]}" for i, j in enumerate(mirror) if i < j]
    alone = [names[i] for i, j in enumerate(mirror) if i == j]
    traded, kept = (", ".join(group) or "none" for group in (pairs, alone))
    return f"{skeleton.name}: in a mirrored image {traded} trade places; {kept} stay"
