"""A test set without the photographs that most resemble one of the training sets.

    python data/leave_out_twins.py test.json --train train.json other.json --count 15 --out apart.json

Two photographs resemble each other by the correlation of their grey pixels, at 24x24, one of them mirrored or not. It
says how much that is for those that go and for the next one, which stays.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from source import command

from unipose.core.image import read_image
from unipose.datasets.coco_json import write_changed
from unipose.datasets.records import read_records

SIDE = 24
Looks = NDArray[np.float32]  # (N, SIDE, SIDE), of mean 0 and length 1 each


def looks(paths: Iterable[Path]) -> Looks:
    small = [cv2.resize(read_image(path).mean(axis=2), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for path in paths]
    found = np.array(small, np.float32)
    found -= found.mean(axis=(1, 2), keepdims=True)
    length: Looks = np.maximum(np.linalg.norm(found, axis=(1, 2), keepdims=True), 1e-6)
    return found / length


def resemblance(test: Looks, train: Looks) -> NDArray[np.float32]:
    """(N, ...) and (M, ...) -> how much each of N resembles the nearest of M: (N,), 1 at most."""
    there = train.reshape(len(train), -1).T
    nearest = [(ours.reshape(len(test), -1) @ there).max(axis=1) for ours in (test, test[..., ::-1])]
    most: NDArray[np.float32] = np.maximum(*nearest)
    return most


def prepare(args: argparse.Namespace) -> str:
    test, training = read_records(args.test), [read_records(path) for path in args.train]
    images = list(test.images)
    if not 0 < args.count < len(images):
        raise ValueError(f"--count must leave some of {len(images)} photographs, got {args.count}")
    alike = resemblance(looks(test.images.values()), looks(path for one in training for path in one.images.values()))
    order = np.argsort(-alike, kind="stable")
    gone = {images[i] for i in order[: args.count]}
    content = json.loads(args.test.read_text())
    content["images"] = [image for image in content["images"] if image["id"] not in gone]
    content["annotations"] = [person for person in content["annotations"] if person["image_id"] not in gone]
    write_changed(args.out, content, args.test)
    least, next_one = alike[order[args.count - 1]], alike[order[args.count]]
    return f"{args.count} photographs left out, alike by {least:.2f} at least; the next by {next_one:.2f} -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="a test set without photographs that resemble a training set's")
    parser.add_argument("test", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="what it is to be apart from")
    parser.add_argument("--count", type=int, default=15, help="how many photographs to leave out (default 15)")
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return command(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
