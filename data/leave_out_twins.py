"""Remove near-duplicates of training images from a test set.

    python data/leave_out_twins.py test.json --train train.json other.json --count 15 --out apart.json

The similarity of two images is the correlation of their grey pixels at 24x24, mirrored or not, whichever is higher.
The command prints the lowest similarity among the images it removed, and the highest among those it kept.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from destination import Destination
from source import run_script

from unipose.core.arguments import Parser
from unipose.core.image import read_image
from unipose.core.types import Float32
from unipose.datasets.coco_json import write_changed
from unipose.datasets.label_file import read_labels
from unipose.datasets.records import read_records, records_of

SIDE = 24  # of a thumbnail, in pixels


def thumbnails(paths: Iterable[Path]) -> Float32:
    """(N, SIDE, SIDE) grey, each of mean 0 and norm 1."""
    small = [cv2.resize(read_image(path).mean(axis=2), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for path in paths]
    centred = np.array(small, np.float32)
    centred -= centred.mean(axis=(1, 2), keepdims=True)
    norm: Float32 = np.maximum(np.linalg.norm(centred, axis=(1, 2), keepdims=True), 1e-6)
    return centred / norm


def similarity(test: Float32, train: Float32) -> Float32:
    """Thumbnails (N, ...) and (M, ...) -> the similarity of each of N to the most similar of M: (N,), at most 1."""
    columns = train.reshape(len(train), -1).T
    best = [(images.reshape(len(test), -1) @ columns).max(axis=1) for images in (test, test[..., ::-1])]
    best_of_both: Float32 = np.maximum(*best)
    return best_of_both


def prepare(args: argparse.Namespace) -> str:
    original = read_labels(args.test)
    test, training = records_of(original), [read_records(path) for path in args.train]
    inputs = [file for record_set in (test, *training) for file in record_set.files]
    Destination(args.out.parent, args.force).check([args.out], inputs)
    images = list(test.images)
    if not 0 < args.count < len(images):
        raise ValueError(f"--count must leave some of {len(images)} photographs, got {args.count}")
    paths = (path for one in training for path in one.images.values())
    alike = similarity(thumbnails(test.images.values()), thumbnails(paths))
    order = np.argsort(-alike, kind="stable")
    removed = {images[i] for i in order[: args.count]}
    kept = [image for image in original.content["images"] if image["id"] not in removed]
    people = [person for person in original.labels.people if person["image_id"] not in removed]
    write_changed(args.out, original, images=kept, annotations=people)
    least, next_one = alike[order[args.count - 1]], alike[order[args.count]]
    return f"{args.count} photographs left out, alike by {least:.2f} at least; the next by {next_one:.2f} -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="a test set without the images most similar to training images")
    parser.add_argument("test", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="the same of the training sets")
    parser.add_argument("--count", type=int, default=15, help="how many images to leave out (default 15)")
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
