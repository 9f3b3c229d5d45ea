"""Leeds Sports Pose and its extended training set (LSPET), as downloaded -> COCO-keypoint JSON.

    python data/prepare_lsp.py lsp_dataset.zip --out DIR      train.json (images 1-1000), test.json (1001 and up)
    python data/prepare_lsp.py lspet_dataset.zip --out DIR    train.json (all 10,000)

The two sets look alike and differ in what the third row of joints.mat means; its shape tells them apart.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from destination import Destination
from source import Source, run_script

from unipose.core.arguments import Parser
from unipose.core.skeleton import SKELETONS
from unipose.core.types import Float64, Int64, Json
from unipose.datasets.coco_json import document, image_entry, person_entry
from unipose.datasets.labels import box_around, outside

SKELETON = SKELETONS["lsp14"]  # its keypoints are in the order of joints.mat
LSP_TRAIN = 1000
LSP_COUNTS = (2000, 1500)  # as published, and a copy without the last 500 images
LSPET_COUNT = 10_000


# Coordinates are used unchanged, as pixel centres counted from 0, although they come from MATLAB. They were labelled
# on larger images and scaled down, so they are fractions. Two measurements show that the first pixel is 0, not 1:
# - LSPET's labelled coordinates go down to 0, 18 of them below 0.5, and none lies in the last pixel (size - 1, size);
#   counted from 1, none could be below 0.5. (LSP's few points near the border, 0.25 to height + 0.04, fit both.)
# - A network trained with mirrored copies has no bias to a side. The labels lie 0.2 px (LSP) and 0.1 px (LSPET) to the
#   right of its predictions, with a standard error of 0.05 px; counted from 1 it would be 0.5 to 1 px.


def read_joints(source: Source, name: str) -> tuple[str, Float64, Int64]:
    """The set's name, xy_image (N, 14, 2) and visibility (N, 14) as 0 = no label, 1 = occluded, 2 = visible."""
    joints = source.read_matrix(name, "joints")
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        kind, joints = "LSP", joints.transpose(2, 1, 0)
    elif joints.ndim == 3 and joints.shape[:2] == (14, 3):
        kind, joints = "LSPET", joints.transpose(2, 0, 1)
    else:
        raise ValueError(f"{source.path}: {name} must be (3, 14, N), LSP, or (14, 3, N), LSPET, got {joints.shape}")
    xy_image, flag = joints[..., :2], joints[..., 2]
    if not np.isin(flag, (0, 1)).all():
        raise ValueError(f"{source.path}: {name} has flags other than 0 and 1")
    visibility = np.where(flag == 0, 2, 1) if kind == "LSP" else np.where(flag == 1, 2, 0)
    finite = np.isfinite(xy_image).all(axis=2) | (visibility == 0)
    if not finite.all():
        number = np.argwhere(~finite)[0][0] + 1
        raise ValueError(f"{source.path}: {name} has a coordinate that is not finite, image {number}")
    return kind, xy_image, visibility


def image_names(source: Source, folder: str, kind: str, count: int) -> list[str]:
    """im0001.jpg and so on; raises ValueError unless the folder has exactly these, as many as joints.mat describes."""
    expected = LSP_COUNTS if kind == "LSP" else (LSPET_COUNT,)
    if count not in expected:
        raise ValueError(f"{source.path}: joints.mat describes {count} images, {kind} has {expected[0]}")
    digits = 4 if kind == "LSP" else 5
    names = [f"im{number:0{digits}d}.jpg" for number in range(1, count + 1)]
    there = {PurePosixPath(name).name for name in source.names if PurePosixPath(name).parent.as_posix() == folder}
    differing = sorted(set(names) ^ {name for name in there if name.endswith(".jpg")})
    if differing:
        raise ValueError(
            f"{source.path}: joints.mat describes {count} images, "
            f"{folder}/{differing[0]} {'has no labels' if differing[0] in there else 'is missing'}"
        )
    return names


def prepare(args: argparse.Namespace) -> str:
    source = Source(args.source)
    mat = source.find("joints.mat")
    kind, xy_image, visibility = read_joints(source, mat)
    folder = (PurePosixPath(mat).parent / "images").as_posix()
    names = image_names(source, folder, kind, len(xy_image))

    images: list[Json] = []
    people: list[Json] = []
    dropped = 0
    for number, name in enumerate(names, start=1):
        size_wh = source.image_size(f"{folder}/{name}")
        points, seen = xy_image[number - 1], visibility[number - 1]
        beyond = outside(points, size_wh)  # count as not labelled (one in LSPET, 145 px outside)
        dropped += int((beyond & (seen > 0)).sum())
        seen = np.where(beyond, 0, seen)
        images.append(image_entry(number, name, size_wh))
        people.append(person_entry(number, number, points, seen, box_around(points[seen > 0], size_wh)))

    destination = Destination(args.out, args.force)
    image_root = destination.add_images(source, folder, names)
    halves = {"train": slice(None)} if kind == "LSPET" else {"train": slice(LSP_TRAIN), "test": slice(LSP_TRAIN, None)}
    for half, part in halves.items():
        content = document(SKELETON, images[part], people[part], f"{kind} {half}", image_root, complete=False)
        destination.add_labels(f"{half}.json", content)
    destination.write(source.files)
    counts = ", ".join(f"{half}.json {len(images[part])}" for half, part in halves.items())
    labelled = sum(person["num_keypoints"] for person in people)
    return f"{kind}: {counts} images; {labelled} joints, {dropped} more dropped as outside their image -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="LSP or LSPET, as downloaded -> COCO-keypoint JSON")
    parser.add_argument("source", type=Path, help="lsp_dataset.zip, lspet_dataset.zip or a folder unpacked from one")
    parser.add_argument("--out", type=Path, required=True, help="folder for train.json, test.json and images/")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
