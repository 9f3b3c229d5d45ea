"""Label lists: the images and the category of poses that COCO-keypoint JSON lists, checked.

Errors are ValueErrors that name the entry, and say what would be right; who knows the file puts its name in front.
"""

import sys
from collections.abc import Iterable
from posixpath import normpath
from reprlib import repr as short
from typing import Any
from unicodedata import normalize

from unipose.core.types import Json

LARGEST = sys.float_info.max
FORMAT = "COCO-keypoint JSON has lists of images, annotations and categories (data/README.md)"


def info_of(content: Json) -> Json:
    """The file's `info`; empty where it is no object."""
    info = content.get("info")
    return info if isinstance(info, dict) else {}


def check_images(content: Any) -> list[Json]:
    """The images that a file lists, with whole numbers as ids; sizes may still be None, and are positive otherwise."""
    if isinstance(content, list):
        raise ValueError(f"is a list, as results of a detector or a model are; {FORMAT}")
    if not isinstance(content, dict):
        raise ValueError(f"holds {short(content)}; {FORMAT}")
    for kind in ("images", "annotations", "categories"):
        if not isinstance(records := content.get(kind), list):
            raise ValueError(f"has no list of {kind}; {FORMAT}")
        if wrong := [record for record in records if not isinstance(record, dict)]:
            raise ValueError(f"{kind}: {short(wrong[0])} is no object; {FORMAT}")
    if not content["images"]:
        raise ValueError("lists no images")
    images = [_image(image) for image in content["images"]]
    once((image["id"] for image in images), "images: id", "each image needs its own")
    names = (normpath(normalize("NFC", image["file_name"].replace("\\", "/"))) for image in images)
    once(names, "images:", "one entry has all people of an image")
    return images


def _image(image: Json) -> Json:
    name = image.get("file_name")
    try:
        number = whole(image.get("id"), "id")
        if not isinstance(name, str) or not name or not (name.isascii() or _is_text(name)):
            raise ValueError("needs a file_name, which is text")
        width, height = image.get("width"), image.get("height")
        if not width or not height:  # some tools write 0 for what they do not know
            return image | {"id": number, "width": None, "height": None}
        if not are_numbers([width, height]) or not all(0 < side < 2**31 and side % 1 == 0 for side in (width, height)):
            raise ValueError(
                f"width and height must be whole numbers of pixels, got {short(width)} and {short(height)}"
            )
    except ValueError as error:
        raise ValueError(f"image {short(image.get('id'))} ({short(name)}): {error}") from None
    return image | {"id": number, "width": int(width), "height": int(height)}


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


def once(values: Iterable[Any], what: str, right: str) -> None:
    """Raises ValueError for a value that is there twice: what it is, and what would be right."""
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value} is there twice; {right}")
        seen.add(value)


def whole(value: Any, what: str) -> int:
    """A whole number, which tools also write as 7.0 or "7"."""
    if (isinstance(value, float) and value.is_integer()) or (isinstance(value, str) and value.strip().isdecimal()):
        value = int(value)
    if type(value) is int and 0 <= value < 2**63:
        return value
    raise ValueError(f"{what} must be a whole number, got {short(value)}")


def are_numbers(values: list[Any]) -> bool:
    """Whether these are numbers, and no true, null or text."""
    return set(map(type, values)) <= {int, float}


def pose_category(content: Json, name: str | None = None) -> Json:
    """The category called `name`, or the only one with keypoints that anybody belongs to; in a set of boxes alone the
    one called person, or the only one. Its id is a whole number, and its names are text.
    """
    known = [_category(category) for category in content["categories"]]
    once((category["id"] for category in known), "categories: id", "each needs its own")
    posed = [category for category in known if "keypoints" in category]
    found, what = posed, "with keypoints"
    if name is not None:
        found, what = [category for category in known if category["name"] == name], f"called {name}"
    elif not posed:
        found, what = [c for c in known if c["name"].casefold() == "person"] or known, "of boxes"
    elif len(posed) > 1:
        used = {str(annotation.get("category_id")).removesuffix(".0") for annotation in content["annotations"]}
        found = [category for category in posed if str(category["id"]) in used] or posed
    if len(found) != 1:
        names = ", ".join(category["name"] for category in found or known)
        raise ValueError(
            f"has {len(found)} categories {what} ({names}); data/prepare_coco.py --category NAME makes a set of one"
        )
    return found[0]


def _category(category: Json) -> Json:
    number, name = (
        whole(category.get("id"), f"category {short(category.get('name'))}: id"),
        str(category.get("name", "")),
    )
    keypoints = category.get("keypoints") or []
    if not isinstance(keypoints, list) or not all(isinstance(keypoint, str | int) for keypoint in keypoints):
        raise ValueError(f"category {name}: keypoints must be a list of names, got {short(keypoints)}")
    keypoints = [str(keypoint) for keypoint in keypoints]
    once(keypoints, f"category {name}: the keypoint", "each needs its own name")
    plain = {key: value for key, value in category.items() if key != "keypoints"} | {"id": number, "name": name}
    return plain | ({"keypoints": keypoints} if keypoints else {})
