"""JHMDB as downloaded -> COCO-keypoint JSON of clips: train.json and test.json of one of its three splits.

python data/prepare_jhmdb.py JHMDB --split 1 --out DIR

The source has joint_positions/CLASS/CLIP/joint_positions.mat, whose pos_img is (2, 15, frames), the frames as
Rename_Images/CLASS/CLIP/00001.png and so on, and splits/CLASS_test_split1.txt with lines "CLIP.avi 1" for training and
2 for test. A source without splits, such as the single sample clip, becomes one file, clips.json.
"""

import argparse
import posixpath
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from clip_set import ClipSet
from destination import Destination
from source import Source, run_script

from unipose.core.arguments import Parser
from unipose.core.skeleton import SKELETONS

SKELETON = SKELETONS["jhmdb15"]  # its keypoints are in the order of pos_img
HALVES = {"1": "train", "2": "test"}

# pos_img has its origin at a pixel edge, so the first pixel's centre is 0.5: pos_world, computed from it, is relative
# to an image centre of exactly (width / 2, height / 2); and joints placed by hand, not interpolated, end in .5.
FIRST_PIXEL = 0.5


def read_splits(source: Source, split: int) -> dict[str, str]:
    """{clip: "train" or "test"}; empty for a source without splits."""
    halves = {}
    for name in source.match(f"*_test_split{split}.txt"):
        for line in source.read_lines(name):
            clip, _, half = line.strip().partition(".avi ")
            if half in HALVES:  # 0: neither
                halves[clip] = HALVES[half]
    return halves


def prepare(args: argparse.Namespace) -> str:
    source = Source(args.source)
    labels = source.match("joint_positions.mat")
    folders = {PurePosixPath(name).parent for name in source.match("00001.png")}
    if not labels or not folders:
        raise ValueError(f"{source.path}: needs joint_positions.mat files and folders with 00001.png")
    root = PurePosixPath(posixpath.commonpath(folders))
    halves = read_splits(source, args.split)
    sets = {half: ClipSet(source, root) for half in (HALVES.values() if halves else ["clips"])}
    for label in labels:
        folder = find_frames(source, label, folders)
        half = halves.get(folder.name) if halves else "clips"
        if half is None:
            continue
        positions = source.read_matrix(label, "pos_img")
        joints = len(SKELETON.keypoints)
        if positions.ndim != 3 or positions.shape[:2] != (2, joints):
            raise ValueError(f"{source.path}: {label}: pos_img must be (2, {joints}, frames), got {positions.shape}")
        xy_image = positions.transpose(2, 1, 0) - FIRST_PIXEL
        below = folder.relative_to(root)
        frames = [(below / f"{number:05d}.png").as_posix() for number in range(1, len(xy_image) + 1)]
        sets[half].add(folder.name, frames, xy_image, np.full(xy_image.shape[:2], 2))
    destination = Destination(args.out, args.force)
    summary = "\n".join(
        clip_set.add_to(destination, f"{half}.json", SKELETON, f"JHMDB {half}, split {args.split}")
        for half, clip_set in sets.items()
    )
    destination.write(source.files)
    return summary


def find_frames(source: Source, label: str, folders: set[PurePosixPath]) -> PurePosixPath:
    """The folder of a label's frames: the one with its class and clip name, or the only one there is."""
    own = PurePosixPath(label).parent.parts[-2:]
    found = [folder for folder in folders if folder.parts[-2:] == own or len(folders) == 1]
    if len(found) != 1:
        raise ValueError(f"{source.path}: {label}: needs exactly one folder {'/'.join(own)} with 00001.png")
    return found[0]


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="JHMDB, as downloaded -> COCO-keypoint JSON of clips")
    parser.add_argument("source", type=Path, help="zip or folder with joint_positions/, Rename_Images/ and splits/")
    parser.add_argument("--split", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.json, test.json and images/")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
