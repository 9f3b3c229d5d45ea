"""JHMDB as downloaded -> COCO-keypoint JSON of clips: train.json and test.json of one of its three splits.

python data/prepare_jhmdb.py JHMDB --split 1 --out DIR

The source has joint_positions/CLASS/CLIP/joint_positions.mat, whose pos_img is (2, 15, frames), the frames as
Rename_Images/CLASS/CLIP/00001.png and on, and splits/CLASS_test_split1.txt with lines "CLIP.avi 1" for training and 2
for test. A source without splits, as the single clip offered for a look, becomes one file, clips.json.
"""

import argparse
import posixpath
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from clip_set import ClipSet
from source import Source, command

from unipose.core.skeleton import SKELETONS

SKELETON = SKELETONS["jhmdb15"]  # its keypoints are in the order of pos_img
HALVES = {"1": "train", "2": "test"}

# pos_img counts pixel edges, so that the first pixel's centre is 0.5: pos_world, made from it, is measured from the
# image's middle at exactly width / 2, height / 2; and what was placed by hand, not in between, ends in .5.
FIRST_PIXEL = 0.5


def read_splits(source: Source, split: int) -> dict[str, str]:
    """The file to be, without its ending, for each clip's name; empty for a source without splits."""
    halves = {}
    for name in source.match(f"*_test_split{split}.txt"):
        for line in source.read(name).decode().splitlines():
            clip, _, half = line.strip().partition(".avi ")
            if half in HALVES:  # 0: in neither
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
    return "\n".join(
        clip_set.write(args.out / f"{half}.json", SKELETON, f"JHMDB {half}, split {args.split}")
        for half, clip_set in sets.items()
    )


def find_frames(source: Source, label: str, folders: set[PurePosixPath]) -> PurePosixPath:
    """The folder of a label's frames: the one of its clip's name in its class; of a single clip, the only one."""
    own = PurePosixPath(label).parent.parts[-2:]
    found = [folder for folder in folders if folder.parts[-2:] == own or len(folders) == 1]
    if len(found) != 1:
        raise ValueError(f"{source.path}: {label}: needs exactly one folder {'/'.join(own)} with 00001.png")
    return found[0]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="JHMDB, as downloaded -> COCO-keypoint JSON of clips")
    parser.add_argument("source", type=Path, help="zip or folder with joint_positions/, Rename_Images/ and splits/")
    parser.add_argument("--split", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.json, test.json and images/")
    return command(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
