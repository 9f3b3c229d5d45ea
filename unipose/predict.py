"""`unipose predict IMAGE... --out DIR`: pictures with their poses drawn, and the poses as JSON."""

import argparse
import sys
from pathlib import Path

from unipose.pipelines.image import predict_photo
from unipose.pipelines.options import add_predictor_options, open_predictor, refused


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if arguments.box is not None and arguments.detector != "whole":
            raise ValueError("--box says where the person is and --detector asks: give one of them")
        predictor = open_predictor(arguments)
        names = _names(arguments.images)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ImportError, ValueError, OSError) as error:
        return refused(error)
    failed = 0
    for path, name in names.items():
        try:
            predict_photo(predictor, path, arguments.out / name, arguments.box)
        except (ValueError, OSError) as error:  # the other images are still wanted
            print(f"error: {path}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(arguments.out / f"{name}.jpg")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="unipose predict", description=__doc__)
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="photographs; of one person, or see below"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.jpg (overlay) and NAME.json")
    parser.add_argument(
        "--box", type=float, nargs=4, metavar=("X1", "Y1", "X2", "Y2"), help="the person's box, for all"
    )
    add_predictor_options(parser)
    return parser


def _names(paths: list[Path]) -> dict[Path, str]:
    """Each input with its output's name. Raises ValueError where two would overwrite each other."""
    names = {path: path.stem for path in paths}
    if len(set(names.values())) < len(names):
        raise ValueError("two images have the same name: their results would overwrite each other; run them apart")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
