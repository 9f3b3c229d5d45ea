"""Duplicates: poses found in an image that are one person's."""

from collections.abc import Callable, Sequence

from unipose.core.pose import Pose


def without_duplicates(poses: Sequence[Pose], oks: Callable[[Pose, Pose], float], max_oks: float) -> list[Pose]:
    """OKS-NMS: poses, the best first -> those whose OKS with every better one that is kept is at most `max_oks`."""
    kept: list[Pose] = []
    for pose in poses:
        if all(oks(other, pose) <= max_oks for other in kept):
            kept.append(pose)
    return kept
