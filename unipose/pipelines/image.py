"""One image from file to results: a picture with its poses drawn, and the poses as JSON."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from unipose.core.boxes import check_boxes, require_overlap
from unipose.core.draw import MIN_SCORE
from unipose.core.files import write_atomically
from unipose.core.image import open_image
from unipose.core.picture import Picture
from unipose.core.pose_formats import holds_poses
from unipose.core.ranges import within
from unipose.core.result import Result
from unipose.core.signature import is_signed
from unipose.core.types import RGB
from unipose.inference.predictor import MAX_PEOPLE, Predictor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageOptions:
    """Which people are looked for in an image, and which of their joints are drawn. Raises ValueError for others.

    `box`: box_xyxy of the one person in it, in place of the detector's; `max_people`: the best of them.
    """

    box: tuple[float, float, float, float] | None = None
    max_people: int = MAX_PEOPLE
    min_joint_score: float = MIN_SCORE

    def __post_init__(self) -> None:
        if self.box is not None:
            check_boxes([self.box], "--box")
        within("--max-people", self.max_people, 1)
        within("--min-joint-score", self.min_joint_score, 0, 1)


def predict_image(
    predictor: Predictor, path: Path, out: Path, options: ImageOptions | None = None, data: bytes | None = None
) -> Result:
    """Write OUT.jpg and OUT.json -> the people in them. `data`: the file's bytes, where they do not lie at `path`.

    Raises ValueError or OSError for an image that cannot be read or written.
    """
    options = options or ImageOptions()
    image = _first_image(path, path if data is None else data)
    if options.box is not None:
        require_overlap(check_boxes(options.box), (image.shape[1], image.shape[0]), "--box")
    [poses] = predictor.predict([image], [options.box], options.max_people)
    result = Result.of(poses, predictor.spec, image, Picture(image))
    picture = result.encode(min_score=options.min_joint_score)
    picture_file, document = results_of(out)
    text = json.dumps({"image": path.name, **result.to_dict()}, indent=1)
    write_atomically(document, text.encode(), sync=False)
    write_atomically(picture_file, picture, sync=False)
    return result


def _first_image(name: Path, source: Path | bytes) -> RGB:
    opened = open_image(source)
    if (count := opened.count()) > 1:
        log.warning("%s has %d frames or pages: the first is taken; `unipose video` takes all", name, count)
    return opened.decode()


def results_of(out: Path) -> tuple[Path, Path]:
    """The picture and the poses that `predict_image` writes."""
    return out.with_name(f"{out.name}.jpg"), out.with_name(f"{out.name}.json")


def is_result(path: Path) -> bool:
    """Whether a file is a picture or poses as `predict_image` writes them."""
    return holds_poses(path) if path.suffix == ".json" else is_signed(path, "overlay")
