"""Keypoints of people who have boxes alone, as a model sees them: a set to train on (Lee, Pseudo-label, 2013).

    python data/pseudo_label.py BOXES.json --out data/people [--model MODEL] [--min-score 0.5] [--stretched]

Writes DIR/train.json with the model's keypoints, found in the boxes with flip test. Keypoints that score less than
--min-score are left unlabelled, people with fewer than five of the others are left out.

With --stretched the pictures have lost their proportions, as where a tool made all of them square. Each is stretched to
those, of six, at which the model is surest of its people, and written to DIR/images.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from destination import Destination
from rich.progress import track
from source import run_script

from unipose.core.arguments import Parser
from unipose.core.files import relative, write_atomically
from unipose.core.geometry import Affine
from unipose.core.image import encode_image, read_image, warp
from unipose.core.pose import Pose
from unipose.core.ranges import within
from unipose.core.signature import signed
from unipose.core.types import RGB, Boxes, Json
from unipose.datasets.coco_json import SET, document, image_entry, person_entry, write_json
from unipose.datasets.records import read_records
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.weights import MODEL_HELP, named_model

PROPORTIONS = (1.0, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3)  # width over height, of pictures that were made square
MIN_KEYPOINTS = 5


def stretch(image: RGB, boxes_xyxy: Boxes, proportion: float) -> tuple[RGB, Boxes]:
    """An image and its boxes (N, 4) with its width over its height multiplied by `proportion`, its area as before."""
    size_wh = np.array([image.shape[1], image.shape[0]])
    new_wh = np.maximum(np.round(size_wh * [proportion**0.5, proportion**-0.5]).astype(int), 1)
    width, height = new_wh.tolist()
    affine = Affine.resize((image.shape[1], image.shape[0]), (width, height))
    return warp(image, affine, (width, height)), boxes_xyxy * np.tile(new_wh / size_wh, 2)


def restore(predictor: Predictor, image: RGB, boxes_xyxy: Boxes) -> tuple[RGB, Boxes]:
    """The image and its boxes in those of `PROPORTIONS` at which the model is surest of the larger people."""
    views = [stretch(image, boxes_xyxy, proportion) for proportion in PROPORTIONS]
    found = predictor.predict([view for view, _ in views], [boxes for _, boxes in views])
    weights = np.sqrt((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1))
    sure = [np.average([pose.person_score for pose in poses], weights=weights) for poses in found]
    return views[int(np.argmax(sure))]


def label(pose: Pose, image: RGB, min_score: float, number: int, image_id: int) -> Json | None:
    """The annotation of a person, or None where too few keypoints are sure and within the image."""
    xy = np.asarray(pose.xy_image, np.float64)
    inside = ((xy > -0.5) & (xy < [image.shape[1] - 0.5, image.shape[0] - 0.5])).all(axis=1)
    visibility = np.where(inside & (pose.score >= min_score), 2, 0)
    if (visibility > 0).sum() < MIN_KEYPOINTS:
        return None
    return person_entry(number, image_id, xy, visibility, np.asarray(pose.box_xyxy, np.float64))


def prepare(args: argparse.Namespace) -> str:
    within("--min-score", args.min_score, 0, 1)
    record_set = read_records(args.boxes)
    record_set.require_images()
    path = args.out / "train.json"
    stretched = {number: args.out / "images" / f"{number}.jpg" for number in record_set.boxes if args.stretched}
    Destination(args.out, args.force).check([path, *stretched.values()], [args.model, *record_set.files])
    runtime = open_runtime(args.model)
    first, teacher = Predictor(runtime, decoder="quadratic"), Predictor(runtime, flip=True)
    images: list[Json] = []
    people: list[Json] = []
    looked_at = 0
    for image_id, people_of in track(record_set.boxes.items(), "labelling", transient=True):
        boxes = people_of.boxes_xyxy[~people_of.crowd]
        if not len(boxes):
            continue
        source = record_set.images[image_id]
        image, name = read_image(source), relative(source, args.out)
        if args.stretched:
            image, boxes = restore(first, image, boxes)
            write_atomically(stretched[image_id], signed(encode_image(image, quality=90), SET), sync=False)
            name = relative(stretched[image_id], args.out)
        images.append(image_entry(image_id, name, (image.shape[1], image.shape[0])))
        [poses] = teacher.predict([image], [boxes])
        looked_at += len(poses)
        for pose in poses:
            entry = label(pose, image, args.min_score, len(people) + 1, image_id)
            people += [entry] if entry else []
    content = document(runtime.spec.skeleton, images, people, f"as {runtime.spec.name} sees", ".", complete=False)
    write_json(path, content)
    return f"{len(images)} images, {len(people)} of {looked_at} people labelled -> {path}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="keypoints of people who have boxes alone, as a model sees them")
    parser.add_argument("boxes", type=Path, help="COCO JSON with people's boxes")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument("--model", type=named_model, default="default", help=MODEL_HELP)
    parser.add_argument("--min-score", type=float, default=0.5, help="of keypoints that are labelled (default: 0.5)")
    parser.add_argument("--stretched", action="store_true", help="the pictures have lost their proportions")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
