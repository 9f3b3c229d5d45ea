"""Flow: one image on its way to its poses. Who drives it decides how the crops of several images are batched."""

from collections.abc import Generator

from unipose.core.heatmap import Peaks
from unipose.core.pose import Pose
from unipose.core.types import RGB

Flow = Generator[RGB, Peaks, list[Pose]]
"""One image on its way to its poses: yields crops (n, H, W, 3), is sent their keypoints, returns poses."""


def advance(flow: Flow, peaks: Peaks | None) -> RGB | list[Pose]:
    """Send a flow the keypoints it waits for (None to start it) -> its next crops or, at its end, its poses."""
    try:
        return flow.send(peaks)  # type: ignore[arg-type]  # a generator starts with None
    except StopIteration as done:
        poses: list[Pose] = done.value
        return poses
