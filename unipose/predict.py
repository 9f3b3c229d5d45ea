"""`unipose predict IMAGE... --out DIR`: pictures with their poses drawn, and the poses as JSON."""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from unipose.draw import draw_poses
from unipose.image import RGB, read_image
from unipose.predictor import Predictor
from unipose.runtime import ENGINES, open_runtime
from unipose.weights import default_model


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose predict", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="photographs of one person each")
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.jpg (overlay) and NAME.json")
    parser.add_argument("--model", type=Path, default=default_model(), help="an .onnx or .safetensors file")
    parser.add_argument("--engine", choices=tuple(ENGINES), help="default: the one for the model's kind of file")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image: slower, a little better")
    parser.add_argument(
        "--box", type=float, nargs=4, metavar=("X1", "Y1", "X2", "Y2"), help="the person's box, for all"
    )
    arguments = parser.parse_args(argv)
    try:
        runtime = open_runtime(arguments.model, arguments.engine, arguments.device)
        names = _names(arguments.images)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    predictor = Predictor(runtime, flip=arguments.flip)
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
