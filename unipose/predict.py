"""`unipose predict IMAGE... --out DIR`: pictures with their people's poses drawn, and the poses as JSON."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from unipose.cli import exit_status
from unipose.core.draw import MIN_SCORE
from unipose.core.files import refuse_overwrite
from unipose.inference.predictor import MAX_PEOPLE
from unipose.pipelines.image import ImageOptions, is_result, predict_image, results_of
from unipose.pipelines.options import PredictorOptions, add_force, add_predictor_options, read_options


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose predict", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="photographs")
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

    `force`: other files with the names of results are replaced. Raises ValueError, OSError or ImportError where none
    can be predicted.
    """
    image_options = image_options or ImageOptions()
    if image_options.box is not None:
        if options.detector not in ("finder", "whole"):
            raise ValueError("--box says where the person is and --detector asks: give one of them")
        options = replace(options, detector="whole")
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
            print(f"error: {path}: {error}", file=sys.stderr)
            failed += 1
        else:
            found = "no person found" if not people else "1 person" if people == 1 else f"{people} people"
            print(f"{results_of(place)[0]}: {found}")
    return 1 if failed else 0


def _places(paths: list[Path], out: Path) -> dict[Path, Path]:
    """Where each input's results go. Raises ValueError where two would overwrite each other."""
    places = {path: out / f"{path.stem}.pose" for path in paths}
    if len(set(places.values())) < len(places):
        raise ValueError("two images have the same name: their results would overwrite each other; run them apart")
    return places


if __name__ == "__main__":
    raise SystemExit(main())
