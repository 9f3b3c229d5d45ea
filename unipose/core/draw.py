"""Poses drawn on an image."""

from collections.abc import Sequence

import cv2
import numpy as np

from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import RGB, Float

# RGB by body side, so that swapped sides stand out; safe for colour-blind readers (after Okabe and Ito).
COLOURS = {"left": (0, 158, 255), "right": (255, 120, 0), "middle": (0, 190, 110)}


def draw_poses(image: RGB, poses: Sequence[Pose], skeleton: Skeleton, min_score: float = 0.1) -> RGB:
    """A copy of the image (H, W, 3) with keypoints that score at least `min_score` and the limbs between them.

    The left side is blue, the right side orange. A pose's `track_id`, if it has one, is written above it.
    """
    canvas = np.ascontiguousarray(image).copy()
    height, width = canvas.shape[:2]
    thickness = max(1, round(max(height, width) / 250))
    for pose in poses:
        points = [_pixel(xy) for xy in pose.xy_image]
        shown = (pose.score >= min_score) & np.isfinite(pose.xy_image).all(axis=1)
        for a, b in skeleton.limbs:
            if shown[a] and shown[b]:
                colour = COLOURS[side(skeleton.keypoints[a], skeleton.keypoints[b])]
                cv2.line(canvas, points[a], points[b], colour, thickness, cv2.LINE_AA)
        for name, point, visible in zip(skeleton.keypoints, points, shown, strict=True):
            if visible:
                cv2.circle(canvas, point, 2 * thickness, (255, 255, 255), -1, cv2.LINE_AA)
                cv2.circle(canvas, point, 2 * thickness, COLOURS[side(name)], max(1, thickness // 2), cv2.LINE_AA)
        if pose.track_id is not None and shown.any():
            top = min(
                (point for point, visible in zip(points, shown, strict=True) if visible), key=lambda point: point[1]
            )
            _put_text(canvas, str(pose.track_id), (top[0], top[1] - 4 * thickness), thickness)
    return canvas


def _put_text(canvas: RGB, text: str, at: tuple[int, int], thickness: int) -> None:
    """White with a black outline; `at` is the text's bottom left corner."""
    for colour, width in (((0, 0, 0), 3 * thickness), ((255, 255, 255), thickness)):
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thickness, colour, width, cv2.LINE_AA)


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
