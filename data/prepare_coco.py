"""COCO's person keypoints, as downloaded -> COCO-keypoint JSON.

    python data/prepare_coco.py coco.zip --out DIR                  annotations/ and images in one zip or folder
    python data/prepare_coco.py annotations_trainval2017.zip --images val2017.zip --split val2017 --out DIR

Writes DIR/train2017.json, DIR/val2017.json. All images and people are kept, crowds and people without keypoints too,
with their areas unchanged: pycocotools computes the same AP from this file as from the original. (Segmentations are
left out: the keypoint AP does not use them.) COCO counts pixels from 0, so coordinates are unchanged.
With --skeleton any set in COCO's layout can be prepared, whatever its keypoints.

COCO lists everybody, those without keypoints too. Where everybody listed has keypoints, the others have been left out:
unless --people says otherwise, `info.people` is then "some", and training a finder does not punish it for finding them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from destination import Destination
from source import Source, run_script

from unipose.core.skeleton import SKELETONS, Skeleton, skeleton_from_names
from unipose.core.types import Json
from unipose.datasets.coco_json import PEOPLE, document, image_entry

KEPT = ("id", "image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area", "iscrowd")


def read_skeleton(path: Path | None) -> Skeleton:
    """COCO's own, or one in a YAML file with the arguments of `skeleton_from_names`; a ValueError names the file."""
    if path is None:
        return SKELETONS["coco17"]
    try:
        return skeleton_from_names(**yaml.safe_load(path.read_text()))
    except (TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: not a skeleton: {error}") from error


def read_labels(
    source: Source, name: str, skeleton: Skeleton
) -> tuple[dict[str, tuple[int, tuple[int, int]]], list[Json]]:
    """{image file: (its id, its (width, height))} and the people. Raises ValueError for another layout."""
    try:
        labels: dict[str, Any] = source.read_json(name)
        images = {i["file_name"]: (i["id"], (i["width"], i["height"])) for i in labels["images"]}
        people = [{key: annotation[key] for key in KEPT} for annotation in labels["annotations"]]
        category = labels["categories"][0]
        keypoints, own = category["keypoints"], category["id"]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{source.path}: {name} is not in COCO's layout of person keypoints ({error!r})") from error
    if tuple(keypoints) != skeleton.keypoints:
        raise ValueError(f"{source.path}: {name} must have the keypoints {', '.join(skeleton.keypoints)}")
    if len(images) != len(labels["images"]):
        raise ValueError(f"{source.path}: {name} lists an image file twice")
    for person in people:
        if person["category_id"] == own:
            person["category_id"] = 1  # the only category of a prepared file
    return images, people


def convert(
    labels: Source, pictures: Source, name: str, skeleton: Skeleton, said: str | None, destination: Destination
) -> str:
    """Convert one split -> a summary line. `said`: whether all or some people are listed, where that is known."""
    split = PurePosixPath(name).stem.removeprefix("person_keypoints_")
    listed, people = read_labels(labels, name, skeleton)
    if not listed:
        raise ValueError(f"{labels.path}: {name} lists no images")
    folder = PurePosixPath(pictures.find(f"{split}/{next(iter(listed))}")).parent.as_posix()
    images: list[Json] = []
    for file_name, (image_id, listed_wh) in listed.items():
        size_wh = pictures.image_size(f"{folder}/{file_name}")
        if size_wh != listed_wh:
            raise ValueError(f"{pictures.path}: {folder}/{file_name} is {size_wh}, its labels say {listed_wh}")
        images.append(image_entry(image_id, file_name, size_wh))
    root = f"images/{split}"
    try:
        complete = said == "all" if said else any(not person["num_keypoints"] for person in people)
        content = document(skeleton, images, people, f"COCO {split}", root, complete=complete)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{labels.path}: {name}: {error}") from error
    content["info"]["image_root"] = destination.add_images(pictures, folder, list(listed), root)
    path = destination.add_labels(f"{split}.json", content)
    labelled = sum(person["num_keypoints"] > 0 for person in people)
    listed_people = f"{len(people)} persons{'' if complete else ', others perhaps not listed'}"
    return f"{split}: {len(images)} images, {listed_people}, {labelled} with keypoints -> {path}"


def prepare(args: argparse.Namespace) -> str:
    labels = Source(args.source)
    pictures = Source(args.images) if args.images else labels
    names = labels.match(f"person_keypoints_{args.split or '*'}.json")
    if not names:
        raise ValueError(f"{labels.path}: has no person_keypoints_{args.split or '*'}.json")
    skeleton = read_skeleton(args.skeleton)
    given = [args.skeleton] if args.skeleton else []
    destination = Destination(args.out, [*labels.files, *pictures.files, *given], args.force)
    summary = "\n".join(convert(labels, pictures, name, skeleton, args.people, destination) for name in names)
    destination.write()
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="COCO's person keypoints, as downloaded -> COCO-keypoint JSON")
    parser.add_argument("source", type=Path, help="zip or folder with person_keypoints_*.json")
    parser.add_argument("--images", type=Path, help="zip or folder that holds train2017/, val2017/ (default: source)")
    parser.add_argument("--split", help="train2017 or val2017 (default: all there are labels for)")
    parser.add_argument(
        "--skeleton", type=Path, help="YAML that describes other keypoints than COCO's (data/README.md)"
    )
    parser.add_argument(
        "--people",
        choices=tuple(PEOPLE.values()),
        help="who is listed of those in the images (default: some where everybody listed has keypoints, else all)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files and images/")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
