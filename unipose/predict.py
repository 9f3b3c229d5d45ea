"""`unipose predict IMAGE...`: pictures with people's poses drawn, and the poses as JSON, beside the photographs."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from unipose.cli import exit_status, in_words, refuse
from unipose.core.arguments import Parser
from unipose.core.draw import MIN_SCORE
from unipose.core.files import refuse_overwrite
from unipose.core.folders import images_in
from unipose.core.result import Result
from unipose.inference.predictor import MAX_PEOPLE, Predictor
from unipose.pipelines.download import download, file_name, is_address
from unipose.pipelines.image import ImageOptions, is_result, predict_image, results_of
from unipose.pipelines.options import PredictorOptions, add_force, add_predictor_options, read_options
from unipose.pipelines.progress import progress
from unipose.pipelines.viewer import missing_viewer
from unipose.pipelines.viewer import show as open_window

MOST_SHOWN = 20  # windows


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose predict", description=__doc__)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="photographs, folders of them, or http and https addresses"
    )
    parser.add_argument(
        "--out", type=Path,
        help="folder for NAME.pose.jpg (overlay) and NAME.pose.json (default: the photograph's; an address's: this)",
    )  # fmt: skip
    parser.add_argument("--show", action="store_true", help="open the pictures in windows")
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
        return predict(arguments.images, arguments.out, options, image_options, arguments.force, arguments.show)

    return exit_status(run)


def predict(
    images: Sequence[str | Path],
    out: Path | None,
    options: PredictorOptions,
    image_options: ImageOptions | None = None,
    force: bool = False,
    show: bool = False,
) -> int:
    """Write the results of each image into `out`, or beside it -> the exit status, 1 where an image failed.

    A folder among the `images` stands for those right in it, but earlier results; an http or https address for the
    picture there, whose results are written into the working folder. `force`: other files with the names of results are
    replaced. `show`: the pictures are opened in windows. Raises ValueError, OSError or ImportError where none can be
    predicted.
    """
    image_options = image_options or ImageOptions()
    if image_options.box is not None:
        if options.detector not in ("finder", "whole"):
            raise ValueError("--box says where the person is and --detector asks: give one of them")
        options = replace(options, detector="whole")
    sources = [source for given in images for source in _sources(str(given))]
    if show and len(sources) > MOST_SHOWN:
        raise ValueError(f"--show opens a window for each picture, {MOST_SHOWN} at most; these are {len(sources)}")
    places = _places(sources, out)
    results = (path for place in places.values() for path in results_of(place))
    refuse_overwrite(results, [*(path for path in sources if isinstance(path, Path)), *options.files], is_result, force)
    predictor = options.load()
    if out:
        out.mkdir(parents=True, exist_ok=True)
    failed, done = 0, []
    with progress(Console(stderr=True, quiet=len(places) == 1), "images", len(places)) as advance:
        for source, place in places.items():
            try:
                people = len(_predict(predictor, source, place, image_options))
            except (ValueError, OSError) as error:  # the other images are still wanted
                why = in_words(error)
                refuse(ValueError(why if str(source) in why else f"{source}: {why}"))
                failed += 1
            else:
                found = "no person found" if not people else "1 person" if people == 1 else f"{people} people"
                done.append(results_of(place)[0])
                print(f"{done[-1]}: {found}")
            advance()
    if show:
        _show(done)
    return 1 if failed else 0


def _predict(predictor: Predictor, source: str | Path, place: Path, options: ImageOptions) -> Result:
    if isinstance(source, Path):
        return predict_image(predictor, source, place, options)
    return predict_image(predictor, Path(file_name(source)), place, options, download(source))


def _show(pictures: Sequence[Path]) -> None:
    """Open the pictures in windows, or say in a line why not."""
    if why := missing_viewer():
        print(f"nothing is shown: {why}", file=sys.stderr)
        return
    for picture in pictures:
        open_window(picture)


def _sources(given: str) -> Sequence[str | Path]:
    """An address, an image file, or the images in a folder. Raises ValueError for a folder without any."""
    return [given] if is_address(given) else _images_of(Path(given))


def _images_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    images = [image for image in images_in(path) if not (os.access(image, os.R_OK) and is_result(image))]
    if not images:
        raise ValueError(f"{path} holds no images but earlier results")
    return images


def _places(sources: Sequence[str | Path], out: Path | None) -> dict[str | Path, Path]:
    """Where each input's results go. Raises ValueError where two would overwrite each other."""
    paths = [source if isinstance(source, Path) else Path(file_name(source)) for source in sources]
    places = {
        source: (path.parent if out is None else out) / f"{path.stem}.pose"
        for source, path in zip(sources, paths, strict=True)
    }
    if len(set(places.values())) < len(places):
        [(place, _), *_] = Counter(places.values()).most_common(1)
        raise ValueError(
            f"two images have the same name: their results {place}.jpg would overwrite each other; run them apart, or "
            "by `unipose batch`, whose results keep the whole name"
        )
    return places


if __name__ == "__main__":
    raise SystemExit(main())
