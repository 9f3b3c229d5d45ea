"""COCO's person keypoints, as downloaded, or any other set in COCO's layout -> COCO-keypoint JSON.

    python data/prepare_coco.py coco.zip --out DIR                  annotations/ and images in one zip or folder
    python data/prepare_coco.py annotations_trainval2017.zip --images val2017.zip --split val2017 --out DIR
    python data/prepare_coco.py my.json --skeleton my.yaml --out DIR        what a labelling tool has exported

Writes DIR/train2017.json, DIR/val2017.json. All images and people are kept, crowds and people without keypoints too,
with their areas unchanged: pycocotools computes the same AP from this file as from the original. (Segmentations are
left out: the keypoint AP does not use them.) COCO counts pixels from 0, so coordinates are unchanged.
With --skeleton any set in COCO's layout can be prepared, whatever its keypoints; with --category, one of several, also
one without keypoints, whose boxes a finder learns from.

COCO lists everybody, those without keypoints too. Where everybody listed has keypoints, the others have been left out:
unless --people or the file says otherwise, `info.people` is then "some", and training a finder does not punish it for
finding them.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import is_zipfile

from destination import Destination
from skeleton_file import read_skeleton, sides
from source import Source, run_script

from unipose.core.arguments import Parser
from unipose.core.files import read_json
from unipose.core.sides import keypoint_keys
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.datasets.coco_json import PEOPLE, document, image_entry
from unipose.datasets.image_files import ImageFiles, image_root
from unipose.datasets.label_lists import check_images, info_of, pose_category
from unipose.datasets.labels import check_people, image_wh

KEPT = ("id", "image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area", "iscrowd")


@dataclass(frozen=True)
class Split:
    """What one label file holds; `where` names it in errors. `path`: it, where it is not in a zip or folder."""

    name: str
    where: str
    content: Any
    path: Path | None = None


def is_json(source: Path) -> bool:
    """Whether this is to be a label file itself, and no zip or folder."""
    return source.is_file() and source.suffix != ".zip" and not is_zipfile(source)


def splits(source: Path, labels: Source | None, only: str | None) -> Iterator[Split]:
    """The label files in a zip or folder, or the one that `source` is, which is called `only` where that is given."""
    if labels is None:
        name = only or source.name.partition(".json")[0].removeprefix("person_keypoints_")
        yield Split(name, str(source), read_json(source), source)
        return
    names = labels.match(f"person_keypoints_{escape(only) if only else '*'}.json")
    if not names:
        raise ValueError(
            f"{source}: has no person_keypoints_{only or '*'}.json; JSON of another name is given itself, as SOURCE"
        )
    for name in names:
        split = PurePosixPath(name).stem.removeprefix("person_keypoints_")
        yield Split(split, f"{source}: {name}", labels.read_json(name))


def find_pictures(split: Split, names: Sequence[str], pictures: Source | None) -> tuple[Source, str]:
    """Where the images are, and their folder in it; without `pictures` around the label file itself."""
    if pictures:
        return pictures, pictures.find_root(names, split.name)
    assert split.path
    try:
        files = ImageFiles(split.path, image_root(split.content), names)
        files.size(files.find(names[0]), None)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{split.where} {error}") from error
    except ValueError as error:
        raise ValueError(f"{split.where}: {error}") from error
    return Source(files.root), ""


def convert(
    split: Split, pictures: Source | None, args: argparse.Namespace, skeleton: Skeleton, destination: Destination
) -> str:
    """Convert one split -> a summary line. Raises ValueError, which names the file, for another layout."""
    try:
        listed = check_images(split.content)
    except ValueError as error:
        raise ValueError(f"{split.where}: {error}") from error
    pictures, folder = find_pictures(split, [image["file_name"] for image in listed], pictures)
    for image in listed:
        image["file_name"] = name = pictures.name_of(folder, image["file_name"])
        labelled_wh = image_wh(image) if image["width"] else None
        image["width"], image["height"] = pictures.image_size((PurePosixPath(folder) / name).as_posix(), labelled_wh)
    images = [image_entry(image["id"], image["file_name"], image_wh(image)) for image in listed]
    try:
        category = pose_category(split.content, args.category)
        own, boxes_alone = category.get("keypoints", ()), bool(args.category) and "keypoints" not in category
        if not boxes_alone and keypoint_keys(own) != keypoint_keys(skeleton.keypoints):
            raise ValueError(
                f"must have the keypoints {', '.join(skeleton.keypoints)}, and has {', '.join(own) or 'none'}; "
                "--skeleton FILE.yaml describes others (data/README.md)"
            )
        labels = check_people(split.content, images, args.category)
        people = [{key: person[key] for key in KEPT if key in person} | {"category_id": 1} for person in labels.people]
        said = args.people or info_of(split.content).get("people")
        everybody = boxes_alone or any(not person["num_keypoints"] for person in people)
        complete = said == PEOPLE[True] if said else everybody
        content = document(skeleton, images, people, f"COCO {split.name}", "", complete=complete)
        if boxes_alone:
            content["categories"] = [{"id": 1, "name": args.category}]
    except ValueError as error:
        raise ValueError(f"{split.where}: {error}") from error
    names = [image["file_name"] for image in images]
    content["info"]["image_root"] = destination.add_images(pictures, folder, names, f"images/{split.name}")
    path = destination.add_labels(f"{split.name}.json", content)
    labelled = sum(person["num_keypoints"] > 0 for person in people)
    listed_people = f"{len(people)} persons{'' if complete else ', others perhaps not listed'}"
    return f"{split.name}: {len(images)} images, {listed_people}, {labelled} with keypoints -> {path}"


def prepare(args: argparse.Namespace) -> str:
    skeleton = read_skeleton(args.skeleton) if args.skeleton else SKELETONS["coco17"]
    labels = None if is_json(args.source) else Source(args.source)
    pictures = Source(args.images) if args.images else labels
    destination = Destination(args.out, args.force)
    found = splits(args.source, labels, args.split)
    lines = [convert(split, pictures, args, skeleton, destination) for split in found]
    given = [args.skeleton] if args.skeleton else []
    destination.write([*(labels.files if labels else [args.source]), *given])
    return "\n".join([*lines, *([sides(skeleton)] if args.skeleton else [])])


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="a set in COCO's layout -> COCO-keypoint JSON")
    parser.add_argument("source", type=Path, help="zip or folder with person_keypoints_*.json, or any JSON file itself")
    parser.add_argument(
        "--images", type=Path,
        help="zip or folder that holds train2017/, val2017/ or images/ (default: source, or around the JSON file)",
    )  # fmt: skip
    parser.add_argument(
        "--split",
        help="train2017 or val2017 (default: all there are labels for), or what a JSON file is to be called",
    )
    parser.add_argument("--category", help="which one, of several categories")
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
