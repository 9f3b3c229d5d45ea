"""Crop boxes: where to look at a person again, whose keypoints have been found."""

from collections.abc import Sequence

import numpy as np

from unipose.core.person_box import POINTS, from_points
from unipose.core.pose import Pose
from unipose.core.types import Boxes, Float64

PADDING = 0.15  # of a refined box on each side, in longer sides of the box around the keypoints


def crop_boxes(poses: Sequence[Pose], image_wh: tuple[int, int]) -> Boxes:
    """`crop_box` of each pose -> (N, 4)."""
    return np.array([crop_box(pose, image_wh) for pose in poses]).reshape(-1, 4)


def crop_box(pose: Pose, image_wh: tuple[int, int]) -> Float64:
    """Where to look at a person again: `keypoint_box` padded, within the image; `box_xyxy` where that is not known."""
    box = pose.keypoint_box
    if box is not None:
        pad = PADDING * pose.body_size
        padded: Float64 = np.clip(box + np.array([-pad, -pad, pad, pad]), 0, [*image_wh, *image_wh])
        if padded[2] - padded[0] >= 1 and padded[3] - padded[1] >= 1:
            return padded
    return np.asarray(pose.box_xyxy, np.float64)


def map_boxes(poses: Sequence[Pose], image_wh: tuple[int, int]) -> Boxes:
    """The boxes that poses with box maps say, within the image -> (N, 4); `box_xyxy` where one has no area."""
    boxes = np.array([from_points(pose.xy_image[-len(POINTS) :]) for pose in poses]).reshape(-1, 4)
    boxes = boxes.clip(0, [*image_wh, *image_wh])
    solid = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    given = np.array([pose.box_xyxy for pose in poses]).reshape(-1, 4)
    return np.where(solid[:, None], boxes, given)


def longer_sides(boxes_xyxy: Boxes) -> Float64:
    """(N, 4) -> (N,)."""
    longer: Float64 = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    return longer
