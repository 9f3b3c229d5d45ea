"""Split a set at random: a share of its images with their people, and the others.

    python data/split_set.py SET.json --share 0.125 --out part.json [--rest rest.json] [--seed 0]

A smaller share of the same seed is part of a larger one, so that sets of 1/8, 1/4 and 1/2 grow.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from destination import Destination
from source import run_script

from unipose.core.arguments import Parser
from unipose.core.ranges import within
from unipose.datasets.coco_json import write_changed
from unipose.datasets.label_file import read_labels
from unipose.datasets.records import records_of


def prepare(args: argparse.Namespace) -> str:
    within("--share", args.share, 0, 1, above=True)
    within("--seed", args.seed, 0)
    original = read_labels(args.set)
    paths = [path for path in (args.out, args.rest) if path]
    for path in paths:
        Destination(path.parent, args.force).check([path], records_of(original).files)
    if len({path.absolute() for path in paths}) < len(paths):
        raise ValueError(f"--out and --rest are one file, {args.out}: the second would replace the first")
    images, people = original.content["images"], original.labels.people
    order = np.random.default_rng(args.seed).permutation(len(images))
    count = round(args.share * len(images))
    if not 0 < count <= len(images) - bool(args.rest):
        raise ValueError(f"--share {args.share:g} of {len(images)} images leaves a part empty")
    said = []
    for path, places in zip(paths, (order[:count], order[count:]), strict=False):
        taken = {images[place]["id"] for place in places}
        kept = [image for image in images if image["id"] in taken]
        members = [person for person in people if person["image_id"] in taken]
        write_changed(path, original, images=kept, annotations=members)
        said.append(f"{len(kept)} images with {len(members)} people -> {path}")
    return "\n".join(said)


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="a random share of a set's images, with their people")
    parser.add_argument("set", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument("--share", type=float, required=True, help="of the images, above 0 and at most 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    parser.add_argument("--rest", type=Path, help="another, of the images left over")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
