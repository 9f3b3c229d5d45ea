"""Poses and boxes drawn on an image."""

from collections.abc import Sequence

import cv2
import numpy as np

from unipose.core.image_input import Image, to_rgb
from unipose.core.pose import Pose
from unipose.core.ranges import within
from unipose.core.skeleton import Skeleton
from unipose.core.types import RGB, Boxes, Float

# RGB by body side, so that swapped sides stand out; safe for colour-blind readers (after Okabe and Ito).
COLOURS = {"left": (0, 158, 255), "right": (255, 120, 0), "middle": (0, 190, 110)}
# RGB of one person after another: none of them a side's.
PEOPLE = (
    (255, 255, 255), (255, 230, 0), (255, 60, 200), (60, 235, 235), (0, 0, 0), (215, 30, 50), (190, 255, 120),
    (120, 60, 200),
)  # fmt: skip
MIN_SCORE = 0.3


def draw_poses(image: Image, poses: Sequence[Pose], skeleton: Skeleton, min_score: float = MIN_SCORE) -> RGB:
    """A copy (H, W, 3) of the image with keypoints that score at least `min_score` and the limbs between them.

    >>> predictor = unipose.load()
    >>> unipose.draw_poses("photo.jpg", predictor("photo.jpg"), predictor.spec.skeleton).shape
    (480, 384, 3)

    The left side is blue, the right side orange; rims of limbs and the inside of keypoints have the person's colour.
    A pose's `track_id`, if it has one, is written above it and decides on the colour. The best people, who come first,
    are drawn over the others. Raises ValueError for what is no image or no score.
    """
    within("min_score, of a keypoint,", min_score, 0, 1)
    canvas = to_rgb(image).copy()
    for number, pose in reversed(list(enumerate(poses))):
        if pose.track_id is not None:
            number = pose.track_id - 1
        _draw_pose(canvas, pose, skeleton, PEOPLE[number % len(PEOPLE)], min_score)
    return canvas


def _draw_pose(canvas: RGB, pose: Pose, skeleton: Skeleton, person: tuple[int, int, int], min_score: float) -> None:
    """Lines are as thick as the picture, and the person in it, have room for; the thinnest have no rims."""
    room = min(max(canvas.shape[:2]) / 250, pose.body_size / 60)
    thickness, radius = max(1, round(room)), max(1, round(2 * room))
    points = [_pixel(xy) for xy in pose.xy_image]
    shown = (pose.score >= min_score) & np.isfinite(pose.xy_image).all(axis=1)
    limbs = [(a, b) for a, b in skeleton.limbs if shown[a] and shown[b]]
    for a, b in limbs if thickness > 1 else ():
        cv2.line(canvas, points[a], points[b], person, 2 * thickness, cv2.LINE_AA)
    for a, b in limbs:
        colour = COLOURS[side(skeleton.keypoints[a], skeleton.keypoints[b])]
        cv2.line(canvas, points[a], points[b], colour, thickness, cv2.LINE_AA)
    for i in np.flatnonzero(shown):
        cv2.circle(canvas, points[i], radius, person, -1, cv2.LINE_AA)
        rim = COLOURS[side(skeleton.keypoints[i])]
        cv2.circle(canvas, points[i], radius, rim, max(1, thickness // 2), cv2.LINE_AA)
    if pose.track_id is not None and shown.any():
        left, top = min((points[i] for i in np.flatnonzero(shown)), key=lambda point: point[1])
        _put_text(canvas, str(pose.track_id), (left, top - 4 * thickness), thickness)


def draw_boxes(image: RGB, boxes_xyxy: Boxes, colour: tuple[int, int, int]) -> RGB:
    """A copy of the image (H, W, 3) with the outlines of boxes (N, 4), whose lines lie within them."""
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 250))
    for left, top, right, bottom in np.round(boxes_xyxy).astype(int).tolist():
        for inset in range(thickness):
            corners = (left + inset, top + inset), (right - 1 - inset, bottom - 1 - inset)
            cv2.rectangle(canvas, *corners, colour)
    return canvas


def _put_text(canvas: RGB, text: str, at: tuple[int, int], thickness: int) -> None:
    """White with a black outline; `at` is the text's bottom left corner, or as near as the picture allows."""
    scale = 0.4 * max(2, thickness)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    at = (
        max(0, min(at[0], canvas.shape[1] - width - 2 * thickness)),
        max(height + 2 * thickness, min(at[1], canvas.shape[0])),
    )
    for colour, stroke in (((0, 0, 0), 3 * thickness), ((255, 255, 255), thickness)):
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke, cv2.LINE_AA)


def contact_sheet(images: Sequence[RGB], columns: int = 4, tile: int = 224) -> RGB:
    """Images in a grid of square tiles, each scaled to fit its tile."""
    rows = -(-len(images) // columns)
    sheet = np.full((rows * tile, columns * tile, 3), 24, np.uint8)
    for i, image in enumerate(images):
        factor = tile / max(image.shape[:2])
        width, height = (max(1, round(side * factor)) for side in image.shape[1::-1])
        top, left = i // columns * tile, i % columns * tile
        sheet[top : top + height, left : left + width] = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA
        )
    return sheet


def side(*keypoints: str) -> str:
    """The body side that all these keypoints are on: left, right or middle."""
    sides = {name.split("_")[0] for name in keypoints}
    return sides.pop() if len(sides) == 1 and sides <= {"left", "right"} else "middle"


def _pixel(xy: Float) -> tuple[int, int]:
    x, y = np.clip(np.nan_to_num(xy), -1e6, 1e6)
    return round(float(x)), round(float(y))
