"""LabelFile: a COCO-keypoint JSON file, read and checked, its images found."""

from dataclasses import dataclass
from pathlib import Path

from unipose.core.files import read_json
from unipose.core.types import Json
from unipose.datasets.image_files import ImageFiles, image_root
from unipose.datasets.label_lists import check_images, info_of
from unipose.datasets.labels import Labels, check_people, image_wh
from unipose.datasets.preparation import require_labels


@dataclass(frozen=True, eq=False)
class LabelFile:
    """`content`: what the file holds, with complete annotations of the category of poses alone; the same as `labels`.

    `images` maps the id of every image listed to its path, `root` is their folder. Only the images of people are known
    to be there, and to have the size that their labels say.
    """

    path: Path
    content: Json
    labels: Labels
    images: dict[int, Path]
    root: Path

    @property
    def info(self) -> Json:
        return info_of(self.content)


def read_labels(path: str | Path) -> LabelFile:
    """`info.image_root` is the images' folder, relative to the file; without it, see `image_files.LAYOUTS`.

    Raises ValueError for a malformed file, FileNotFoundError where it or an image is missing; both name the file.
    """
    path = Path(path)
    require_labels(path)
    content = read_json(path)
    try:
        images = check_images(content)
        files = ImageFiles(path, image_root(content), [image["file_name"] for image in images])
        paths = {image["id"]: files.find(image["file_name"]) for image in images}
        for image in images:
            if image["width"] is None:
                image["width"], image["height"] = files.size(paths[image["id"]], None)
        labels = check_people(content, images)
        by_id = {image["id"]: image for image in images}
        for number in dict.fromkeys(person["image_id"] for person in labels.people):
            files.size(paths[number], image_wh(by_id[number]))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} {error}") from error
    complete = content | {"images": images, "annotations": labels.people, "categories": [labels.category]}
    return LabelFile(path, complete, labels, paths, files.root)
