"""Photo: one photograph to a picture with its poses drawn, and the poses as JSON."""

import json
from pathlib import Path

import cv2
import numpy as np

from unipose.core.draw import draw_poses
from unipose.core.image import read_image
from unipose.core.types import RGB
from unipose.inference.predictor import Predictor


def predict_photo(predictor: Predictor, path: Path, out: Path, box: list[float] | None = None) -> None:
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
