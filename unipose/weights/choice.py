"""Which file of the embedded model runs here: in 8 bits where that is faster, else in float32."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from unipose.core.geometry import Affine
from unipose.core.hardware import has_int8_units
from unipose.core.image import warp
from unipose.core.timing import call_times
from unipose.datasets.synthetic.images import draw_image
from unipose.runtime.engines import open_runtime

SECONDS = 1.0  # that a trial takes, once both files are open
APART = 0.5  # cells of the heatmap by which half of the keypoints of a trial may differ


@cache
def is_int8_faster(exact: Path, small: Path) -> bool:
    """Whether the 8-bit file of a model serves here in place of its float32 one.

    Yes on processors with units for it. On others both look at a drawn figure in turn, and it must be the faster one
    and find the same: processors without such units may also cut off what does not fit into 16 bits on the way.
    """
    return has_int8_units() or _wins_trial(exact, small)


def _wins_trial(exact: Path, small: Path) -> bool:
    runtimes = [open_runtime(path) for path in (exact, small)]
    spec = runtimes[0].spec
    drawing = draw_image(np.random.default_rng((0, 18)), (384, 480))
    crop = warp(drawing.image, Affine.fit(drawing.boxes_xyxy[0], spec.input_wh, spec.margin), spec.input_wh)[None]
    ours, theirs = (runtime.find(crop) for runtime in runtimes)
    apart = np.linalg.norm(ours.xy_heatmap - theirs.xy_heatmap, axis=-1)
    slow, fast = _medians([lambda runtime=runtime: runtime.find(crop) for runtime in runtimes])  # type: ignore[misc]
    return bool(np.median(apart) <= APART and fast < slow)


def _medians(calls: list[Callable[[], object]]) -> list[float]:
    """The median seconds of each of these calls, which take turns for SECONDS."""
    times: list[list[float]] = [[] for _ in calls]
    end = perf_counter() + SECONDS
    while not times[0] or perf_counter() < end:
        for call, own in zip(calls, times, strict=True):
            own += call_times(call, warm_up=False)
    return [median(own) for own in times]
