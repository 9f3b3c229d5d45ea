"""`unipose predict IMAGE... --out DIR`: pictures with their poses drawn, and the poses as JSON."""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from unipose.draw import draw_poses
from unipose.image import RGB, read_image
from unipose.options import add_predictor_options, open_predictor
from unipose.predictor import Predictor


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if arguments.box is not None and arguments.detector != "whole":
            raise ValueError("--box says where the person is and --detector asks: give one of them")
        predictor = open_predictor(arguments)
        names = _names(arguments.images)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except ImportError as error:
        print(f"error: this needs {error.name}, which is not installed", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = 0
    for path, name in names.items():
        try:
            predict_file(predictor, path, arguments.out / name, arguments.box)
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


def predict_file(predictor: Predictor, path: Path, out: Path, box: list[float] | None) -> None:
    """Write OUT.jpg and OUT.json for one image. Raises ValueError or OSError for one that cannot be read or written."""
    image = read_image(path)
    [poses] = predictor.predict([image], [None if box is None else [box]])
    skeleton = predictor.spec.skeleton
    answer = {
        "image": path.name,
        "width": image.shape[1],
        "height": image.shape[0],
        "model": predictor.spec.to_identity(),
        "poses": [pose.to_native(skeleton) for pose in poses],
    }
    out.with_name(f"{out.name}.json").write_text(json.dumps(answer, indent=1))
    write_jpeg(out.with_name(f"{out.name}.jpg"), draw_poses(image, poses, skeleton))


def write_jpeg(path: Path, image: RGB) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise ValueError(f"{path}: an image of shape {image.shape} cannot be written as JPEG")
    path.write_bytes(np.asarray(data).tobytes())


def _names(paths: list[Path]) -> dict[Path, str]:
    """Each input with its output's name. Raises ValueError where two would overwrite each other."""
    names = {path: path.stem for path in paths}
    if len(set(names.values())) < len(names):
        raise ValueError("two images have the same name: their results would overwrite each other; run them apart")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
