"""`unipose predict IMAGE... --out DIR`: pictures with their people's poses drawn, and the poses as JSON."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from unipose.cli import exit_status, refuse
from unipose.core.arguments import Parser
from unipose.core.draw import MIN_SCORE
from unipose.core.files import refuse_overwrite
from unipose.core.folders import images_in
from unipose.inference.predictor import MAX_PEOPLE
from unipose.pipelines.image import ImageOptions, is_result, predict_image, results_of
from unipose.pipelines.options import PredictorOptions, add_force, add_predictor_options, read_options


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose predict", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="photographs, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.pose.jpg (overlay) and NAME.pose.json")
    parser.add_argument(
        "--box", type=float, nargs=4, metavar=("X1", "Y1", "X2", "Y2"),
        help="the one person's box, for all, in place of a detector's",
    )  # fmt: skip
    parser.add_argument(
        "--max-people", type=int, default=MAX_PEOPLE, metavar="N",
        help=f"in a photograph, the best first (default {MAX_PEOPLE})",
    )  # fmt: skip
    parser.add_argument(
        "--min-joint-score", type=float, default=MIN_SCORE, metavar="S",
        help=f"the least score, 0 to 1, of a joint that is drawn; the JSON has all (default {MIN_SCORE})",
    )  # fmt: skip
    add_predictor_options(parser)
    add_force(parser)
    arguments = parser.parse_args(argv)

    def run() -> int:
        options, image_options = read_options(PredictorOptions, arguments), read_options(ImageOptions, arguments)
        return predict(arguments.images, arguments.out, options, image_options, arguments.force)

    return exit_status(run)


def predict(
    images: list[Path],
    out: Path,
    options: PredictorOptions,
    image_options: ImageOptions | None = None,
    force: bool = False,
) -> int:
    """Write the results of each image into `out` -> the exit status, 1 where an image failed.

    A folder among the `images` stands for those right in it, but earlier results. `force`: other files with the names
    of results are replaced. Raises ValueError, OSError or ImportError where none can be predicted.
    """
    image_options = image_options or ImageOptions()
    if image_options.box is not None:
        if options.detector not in ("finder", "whole"):
            raise ValueError("--box says where the person is and --detector asks: give one of them")
        options = replace(options, detector="whole")
    images = [path for given in images for path in _images_of(given)]
    places = _places(images, out)
    results = (path for place in places.values() for path in results_of(place))
    refuse_overwrite(results, [*images, *options.files], is_result, force)
    predictor = options.load()
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path, place in places.items():
        try:
            people = len(predict_image(predictor, path, place, image_options))
        except (ValueError, OSError) as error:  # the other images are still wanted
            named = str(error) if str(path) in str(error) else f"{path}: {error}"
            refuse(ValueError(named))
            failed += 1
        else:
            found = "no person found" if not people else "1 person" if people == 1 else f"{people} people"
            print(f"{results_of(place)[0]}: {found}")
    return 1 if failed else 0


def _images_of(path: Path) -> list[Path]:
    """An image file, or the images in a folder. Raises ValueError for a folder without any."""
    if not path.is_dir():
        return [path]
    images = [image for image in images_in(path) if not (os.access(image, os.R_OK) and is_result(image))]
    if not images:
        raise ValueError(f"{path} holds no images but earlier results")
    return images


def _places(paths: list[Path], out: Path) -> dict[Path, Path]:
    """Where each input's results go. Raises ValueError where two would overwrite each other."""
    places = {path: out / f"{path.stem}.pose" for path in paths}
    if len(set(places.values())) < len(places):
        [(place, _), *_] = Counter(places.values()).most_common(1)
        raise ValueError(
            f"two images have the same name: their results {place}.jpg would overwrite each other; run them apart, or "
            "by `unipose batch`, whose results keep the whole name"
        )
    return places


if __name__ == "__main__":
    raise SystemExit(main())
