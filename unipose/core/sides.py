"""Sides: left and right in keypoints' names, however they are spelt."""

import re
from collections.abc import Sequence

_OTHER = {"left": "right", "right": "left"}
_WORDS = {"left": "left", "l": "left", "lt": "left", "lft": "left", "左": "left"}
_WORDS |= {"right": "right", "r": "right", "rt": "right", "rgt": "right", "右": "right"}

# Where a word ends without a separator: before a capital, as in leftAnkle and LAnkle; between letters and digits;
# around the Chinese sides.
_ENDS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?=[左右])|(?<=[左右])"
)

Key = tuple[tuple[str, ...], str]
"""The sides in a name, and the rest of it."""


def keypoint_keys(names: Sequence[str]) -> list[Key]:
    """Of each name a key that is the same for all spellings: left_ankle, LeftAnkle, "ankle (left)" and ankle.L are all
    (("left",), "ankle").

    A side may be one word with the rest: leftankle, and where their partner is there, ankleleft and lankle, so that a
    lip is not a left ip. Where single letters are names, L and R are two of them and no sides.
    """
    known = {name.lower() for name in names}
    letters = any(len(name) == 1 and name not in "lr" for name in known if name.isalpha())
    return [((), name) if letters and len(name) == 1 else _key_among(name, known) for name in names]


def mirror_names(names: Sequence[str]) -> list[str | None]:
    """What each name becomes in a mirrored image: the name of the other side, or itself where it has no side.

    None where it has a side and its partner is not among the names, or more than one is.
    """
    keys = keypoint_keys(names)
    found: list[str | None] = []
    for name, (sides, rest) in zip(names, keys, strict=True):
        other = tuple(_OTHER[side] for side in sides), rest
        partners = [names[i] for i, key in enumerate(keys) if key == other]
        found.append(name if not sides else partners[0] if len(partners) == 1 else None)
    return found


def _key_among(name: str, known: set[str]) -> Key:
    words = [word.lower() for word in re.split(r"[\W_]+", _ENDS.sub(" ", name)) if word]
    sides = tuple(_WORDS[word] for word in words if word in _WORDS)
    if sides:
        return sides, "_".join(word for word in words if word not in _WORDS)
    word = name.lower()
    for side, other in (("left", "right"), ("right", "left"), ("l", "r"), ("r", "l")):
        begins, ends = word.removeprefix(side), word.removesuffix(side)
        if begins != word and (len(side) > 1 or other + begins in known):
            return (_WORDS[side],), begins
        if ends != word and ends + other in known:
            return (_WORDS[side],), ends
    return (), "_".join(words) or name
