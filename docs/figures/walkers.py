"""Skeletons that UniPose finds in a video, side by side on a plain ground: no pixel of the video is kept.

python docs/figures/walkers.py people_walking.mp4 --out docs/walkers.png
"""

import argparse
from pathlib import Path

import av
import numpy as np
from PIL import Image

import unipose
from unipose.core.pose import Pose
from unipose.core.types import RGB

AT = (24.2, 51.5, 52, 62.4, 66, 69, 76, 93.5, 118, 125, 135)  # of the picture in README, chosen by eye
HEIGHT, MARGIN = 320, 20  # pixels of the strip, and around each skeleton
GROUND = (28, 33, 40)


def find(video: Path, seconds: list[float]) -> list[Pose]:
    """The best pose of the frame shown at each time. Raises ValueError where nobody is found in one."""
    predictor, poses, due = unipose.load(), [], sorted(seconds)
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            while due and frame.time is not None and frame.time >= due[0]:
                found = predictor(frame.to_ndarray(format="rgb24"))
                if not len(found):
                    raise ValueError(f"{video}: nobody is found {due[0]:g} s after its beginning")
                poses.append(found[0])
                due.pop(0)
    if due:
        raise ValueError(f"{video}: nobody is found {due[0]:g} s after its beginning, where it is over")
    return poses


def strip(poses: list[Pose]) -> RGB:
    """Poses in a row, all at the scale of the tallest -> (HEIGHT, W, 3)."""
    lows = [pose.xy_image.min(axis=0) for pose in poses]
    highs = [pose.xy_image.max(axis=0) for pose in poses]
    scale = (HEIGHT - 2 * MARGIN) / max(high[1] - low[1] for low, high in zip(lows, highs, strict=True))
    placed, left = [], float(MARGIN)
    for pose, low, high in zip(poses, lows, highs, strict=True):
        xy = (pose.xy_image - [low[0], high[1]]) * scale + [left, HEIGHT - MARGIN]  # all stand on one line
        placed.append(Pose(xy, pose.score, np.array([0.0, 0.0, *xy.max(axis=0)])))
        left += (high[0] - low[0]) * scale + 2 * MARGIN
    ground = np.full((HEIGHT, round(left - MARGIN), 3), GROUND, np.uint8)
    skeleton = unipose.load().spec.skeleton
    for pose in placed:  # one after another: each has the first person's colours
        ground = unipose.draw_poses(ground, [pose], skeleton)
    return ground


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument(
        "--at",
        type=float,
        nargs="+",
        default=AT,
        metavar="SECONDS",
        help="of the frames, of which each gives its best pose",
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    picture = Image.fromarray(strip(find(arguments.video, arguments.at)))
    picture.quantize(64).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
