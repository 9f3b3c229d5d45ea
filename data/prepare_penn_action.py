"""Penn Action as downloaded -> COCO-keypoint JSON of clips: train.json and test.json.

python data/prepare_penn_action.py Penn_Action --out DIR

The source has frames/0001/000001.jpg and so on, and labels/0001.mat: x, y and visibility (frames, 13), bbox (frames, 4)
as x1, y1, x2, y2, and train, 1 for a training clip. A joint that is not visible counts as not labelled.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from clip_set import ClipSet
from destination import Destination
from source import Source, run_script

from unipose.core.arguments import Parser
from unipose.core.skeleton import SKELETONS

SKELETON = SKELETONS["penn13"]  # its keypoints are in the order of the labels


def prepare(args: argparse.Namespace) -> str:
    source = Source(args.source)
    labels = source.match("labels/*.mat")
    if not labels:
        raise ValueError(f"{source.path}: has no labels/0001.mat")
    root = PurePosixPath(labels[0]).parent.parent / "frames"
    halves = {half: ClipSet(source, root) for half in ("train", "test")}
    for label in labels:
        name = PurePosixPath(label).stem
        x, y, visibility, bbox = (source.read_matrix(label, key) for key in ("x", "y", "visibility", "bbox"))
        joints = len(SKELETON.keypoints)
        if not x.shape == y.shape == visibility.shape == (len(x), joints) or bbox.shape != (len(bbox), 4):
            raise ValueError(
                f"{source.path}: {label}: x, y and visibility must be (frames, {joints}), bbox (frames, 4)"
            )
        half = "train" if source.read_matrix(label, "train").ravel().tolist() == [1] else "test"
        frames = [f"{name}/{number:06d}.jpg" for number in range(1, len(x) + 1)]
        xy_image = np.stack([x, y], axis=2) - args.first_pixel
        halves[half].add(name, frames, xy_image, 2 * (visibility > 0), bbox - args.first_pixel)
    destination = Destination(args.out, args.force)
    summary = "\n".join(
        clip_set.add_to(destination, f"{half}.json", SKELETON, f"Penn Action {half}")
        for half, clip_set in halves.items()
    )
    destination.write(source.files)
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="Penn Action, as downloaded -> COCO-keypoint JSON of clips")
    parser.add_argument("source", type=Path, help="zip or folder with frames/ and labels/")
    parser.add_argument(
        "--first-pixel", type=int, choices=(0, 1), default=1,
        help="the number of the first pixel in the labels: 1 (default), as MATLAB's, in which the set is drawn, or 0",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for train.json, test.json and images/")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
