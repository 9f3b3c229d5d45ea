"""Draw figures, labelled as a labelling tool exports them, with keypoints of their own: a stand-in for your labels.

python data/make_export.py --out DIR -> DIR/annotations/person_keypoints_{train,test}.json and DIR/images, CVAT's layout
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from source import run_script

from unipose.core.arguments import Parser
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.signature import signature
from unipose.datasets.coco_json import SET, is_prepared
from unipose.datasets.synthetic.images import SKELETON, draw_sample

KEYPOINTS = {
    "head": "head_top", "neck": "neck", "LeftHand": "left_wrist", "RightHand": "right_wrist", "LeftHip": "left_hip",
    "RightHip": "right_hip", "LeftFoot": "left_ankle", "RightFoot": "right_ankle",
}  # fmt: skip
"""The keypoints' names in the export, and those of the drawn figures."""


def exported(content: dict[str, Any]) -> dict[str, Any]:
    """A prepared set -> the same with the keypoints KEYPOINTS and nothing that tells more than such a tool knows."""
    places = [SKELETON.keypoints.index(name) for name in KEYPOINTS.values()]
    people = []
    for person in content["annotations"]:
        rows = [person["keypoints"][3 * k : 3 * k + 3] for k in places]
        rest = {key: person[key] for key in ("id", "image_id", "bbox", "area", "iscrowd")}
        flat = [value for row in rows for value in row]
        people.append({**rest, "category_id": 1, "segmentation": [], "attributes": {}, "keypoints": flat})
    category = {"id": 1, "name": "figure", "supercategory": "", "keypoints": list(KEYPOINTS), "skeleton": []}
    return {
        "info": {"description": signature(SET)},
        "images": content["images"],
        "annotations": people,
        "categories": [category],
    }


def prepare(args: argparse.Namespace) -> str:
    places = [args.out / "annotations" / f"person_keypoints_{part}.json" for part in ("train", "test")]
    refuse_overwrite(places, [], is_prepared, args.force)
    drawn = draw_sample(args.out, args.count, args.seed, figures=(1,), force=args.force)
    for path, place in zip(drawn, places, strict=True):
        write_atomically(place, json.dumps(exported(json.loads(path.read_bytes()))).encode())
        path.unlink()
    return f"{args.count} images -> {places[0]} and {places[1]}, with the keypoints {', '.join(KEYPOINTS)}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="Draw figures, labelled as a labelling tool exports them")
    parser.add_argument("--out", type=Path, required=True, help="folder for annotations/ and images/")
    parser.add_argument("--count", type=int, default=300, help="images of one figure; the last fifth is for tests")
    parser.add_argument("--seed", type=int, default=0)
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
