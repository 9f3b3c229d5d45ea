"""`unipose predict IMAGE... --out DIR`: pictures with their poses drawn, and the poses as JSON."""

import argparse
import sys
from pathlib import Path

from unipose.cli import exit_status
from unipose.pipelines.image import predict_image
from unipose.pipelines.options import PredictorOptions, add_predictor_options, read_options


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose predict", description=__doc__)
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="photographs; of one person, or see below"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.jpg (overlay) and NAME.json")
    parser.add_argument(
        "--box", type=float, nargs=4, metavar=("X1", "Y1", "X2", "Y2"), help="the person's box, for all"
    )
    add_predictor_options(parser)
    arguments = parser.parse_args(argv)
    options = read_options(PredictorOptions, arguments)
    return exit_status(lambda: predict(arguments.images, arguments.out, options, arguments.box))


def predict(images: list[Path], out: Path, options: PredictorOptions, box: list[float] | None = None) -> int:
    """Write the results of each image into `out` -> the exit status, 1 where an image failed.

    Raises ValueError, OSError or ImportError where none can be predicted.
    """
    if box is not None and options.detector != "whole":
        raise ValueError("--box says where the person is and --detector asks: give one of them")
    predictor = options.load()
    names = _names(images)
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path, name in names.items():
        try:
            predict_image(predictor, path, out / name, box)
        except (ValueError, OSError) as error:  # the other images are still wanted
            print(f"error: {path}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(out / f"{name}.jpg")
    return 1 if failed else 0


def _names(paths: list[Path]) -> dict[Path, str]:
    """Each input with its output's name. Raises ValueError where two would overwrite each other."""
    names = {path: path.stem for path in paths}
    if len(set(names.values())) < len(names):
        raise ValueError("two images have the same name: their results would overwrite each other; run them apart")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
