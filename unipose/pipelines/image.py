"""One image from file to results: a picture with its poses drawn, and the poses as JSON."""

import json
from pathlib import Path

from unipose.core.draw import draw_poses
from unipose.core.image import encode_image, read_image
from unipose.core.pose_formats import native_document
from unipose.inference.predictor import Predictor


def predict_image(predictor: Predictor, path: Path, out: Path, box: list[float] | None = None) -> None:
    """Write OUT.jpg and OUT.json. `box`: box_xyxy of the one person in it, in place of the detector's.

    Raises ValueError or OSError for an image that cannot be read or written.
    """
    image = read_image(path)
    [poses] = predictor.predict([image], [None if box is None else [box]])
    picture = encode_image(draw_poses(image, poses, predictor.spec.skeleton))
    answer = native_document(poses, (image.shape[1], image.shape[0]), predictor.spec)
    out.with_name(f"{out.name}.json").write_text(json.dumps({"image": path.name, **answer}, indent=1))
    out.with_name(f"{out.name}.jpg").write_bytes(picture)
