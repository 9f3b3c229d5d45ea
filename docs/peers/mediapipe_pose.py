"""MediaPipe Pose beside UniPose: the comparable rows of docs/accuracy.md, judged by UniPose's evaluation, in one run.

MediaPipe 0.10.21 wants NumPy 1, so it gets an environment of its own, in which UniPose runs from its folder:

    python3.11 -m venv mediapipe-venv       # 3.9 to 3.12
    mediapipe-venv/bin/pip install mediapipe==0.10.21 onnxruntime pycocotools
    PYTHONPATH=. mediapipe-venv/bin/python docs/peers/mediapipe_pose.py --empty FOLDER ...

The sets are those that data/prepare_lsp.py and data/prepare_coco.py write; of the pictures in the folders of `--empty`
those are counted on which somebody is found. Prints a table in Markdown, row by row.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np

import unipose
from unipose.core.folders import images_in
from unipose.core.image import read_image
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS, skeleton_from_names
from unipose.core.timing import call_times
from unipose.core.types import RGB, Boxes, Float64
from unipose.datasets.records import RecordSet, read_records
from unipose.evaluation.people import BODY, match
from unipose.evaluation.predictions import ImageQuery, nobody, predict_images, predict_queries, predict_records
from unipose.evaluation.summary import summarise, summarise_ap

COCO = SKELETONS["coco17"]
SHARED = skeleton_from_names("body12", BODY, [])  # LSP's neck and head top are no landmarks of MediaPipe
TIMED = 100  # photographs
ROUNDS = 3

Landmarks = Callable[[RGB], Float64 | None]
"""An image -> COCO's keypoints (17, 3): x and y as shares of its width and height, visibility; None without anybody."""


class MediaPipe:
    """A Predictor, as far as the evaluation needs one: finds one person in an image, or in each box of it."""

    def __init__(self, landmarks: Landmarks, margin: float = 0.0):
        """`margin`: by which a given box is widened on each side, in its own sides."""
        self.landmarks, self.margin = landmarks, margin
        self.spec = SimpleNamespace(name="MediaPipe Pose", skeleton=COCO, state_channels=0)

    def flow(
        self,
        picture: Picture,
        boxes: Boxes | None = None,
        max_people: int | None = None,
        min_score: float | None = None,
    ) -> list[Pose]:
        """As `Predictor.flow`, done at once; its own thresholds decide whether there is somebody."""
        return self._people(picture.rgb(), boxes)

    def finish(self, flows: Sequence[list[Pose]]) -> list[list[Pose]]:
        return list(flows)

    def _people(self, image: RGB, boxes: Boxes | None) -> list[Pose]:
        height, width = image.shape[:2]
        if boxes is None:
            pose = self._person(image, np.array([0, 0, width, height], np.float64))
            return [pose] if pose else []
        grown = boxes + self.margin * np.tile(boxes[:, 2:] - boxes[:, :2], 2) * (-1, -1, 1, 1)
        return [self._person(image, box) or nobody(self.spec) for box in grown]

    def _person(self, image: RGB, box_xyxy: Float64) -> Pose | None:
        low, high = np.floor(box_xyxy[:2]), np.minimum(np.ceil(box_xyxy[2:]), image.shape[1::-1])
        left, top, right, bottom = (*np.maximum(low, 0).astype(int), *high.astype(int))
        found = self.landmarks(np.ascontiguousarray(image[top:bottom, left:right]))
        if found is None:
            return None
        xy_edges = found[:, :2] * (right - left, bottom - top) + (left, top)
        return Pose(xy_edges - 0.5, found[:, 2], box_xyxy)


def open_mediapipe(confidence: float, margin: float) -> tuple[str, MediaPipe]:
    """Its name with the version, and the model of complexity 1, each image for itself."""
    import mediapipe
    from mediapipe.python.solutions.pose import Pose as Solution
    from mediapipe.python.solutions.pose import PoseLandmark

    solution = Solution(static_image_mode=True, model_complexity=1, min_detection_confidence=confidence)
    indices = [PoseLandmark[name.upper()] for name in COCO.keypoints]

    def landmarks(image: RGB) -> Float64 | None:
        found = solution.process(image).pose_landmarks
        if not found:
            return None
        return np.array([(p.x, p.y, p.visibility) for p in (found.landmark[i] for i in indices)], np.float64)

    return f"MediaPipe Pose {mediapipe.__version__}", MediaPipe(landmarks, margin)


Predictors = dict[str, MediaPipe | unipose.Predictor]
Row = tuple[str, list[str]]


def rows(predictors: Predictors, lsp: RecordSet, coco: RecordSet, empty: Sequence[Path]) -> Iterator[Row]:
    """Each row's name and a cell for each predictor."""
    shared = lsp.onto(SHARED)
    for boxes, where in (("truth", "annotated boxes"), ("detector", "the photograph alone")):
        yield (
            f"LSP, {where}, 12 joints, PCK@0.2",
            [f"{summarise('pck', shared, predict_records(p, shared, boxes))['mean']:.1f}" for p in predictors.values()],
        )
    found = [predict_records(p, coco) for p in predictors.values()]
    answered = [sum(bool(np.isfinite(pose.xy_image).all()) for pose in poses) for poses in found]
    yield f"COCO, true boxes: of {len(coco.records)}, in which a pose is found", list(map(str, answered))
    yield "COCO, true boxes, 17 joints, OKS AP / AP50 / AP75", [_ap(poses, coco, coco) for poses in found]
    with tempfile.TemporaryDirectory() as folder:
        body = without_face(coco, Path(folder))
        yield "COCO, true boxes, 12 joints, OKS AP / AP50 / AP75", [_ap(poses, coco, body) for poses in found]
    yield (
        "COCO, the photograph alone: people with a right pose, %, at so many answers for each",
        [
            "{covered:.1f} at {answers:.2f}".format(**match(predict_images(p, coco), list(coco.images), coco).at(0.0))
            for p in predictors.values()
        ],
    )
    for folder in empty:
        queries = [ImageQuery(path, None) for path in images_in(folder)]
        yield (
            f"{folder.name}: of {len(queries)} pictures, on which somebody is found",
            [str(sum(map(bool, predict_queries(p, queries)))) for p in predictors.values()],
        )
    images = [read_image(path) for path in list(lsp.images.values())[:TIMED]]
    times: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(ROUNDS):
        for name, p in predictors.items():
            answer = partial(_answer, p)
            times[name] += chain.from_iterable(call_times(partial(answer, image), warm_up=False) for image in images)
    yield "a photograph of LSP, ms", [f"{1000 * median(seconds):.1f}" for seconds in times.values()]


def _answer(predictor: unipose.Predictor | MediaPipe, image: RGB) -> list[list[Pose]]:
    return predictor.finish([predictor.flow(Picture(image))])


def _ap(poses: Sequence[Pose], record_set: RecordSet, judged: RecordSet) -> str:
    """OKS AP of a pose for each record, of the people whom `judged`, the same set or a part of it, has."""
    kept = {record.id for record in judged.records}
    results = [
        pose.to_coco(record.image_id)
        for record, pose in zip(record_set.records, poses, strict=True)
        if record.id in kept and np.isfinite(pose.xy_image).all()
    ]
    coco = summarise_ap(results, judged)["coco"]
    return " / ".join(f"{coco[key]:.1f}" for key in ("AP", "AP50", "AP75"))


def without_face(coco: RecordSet, folder: Path) -> RecordSet:
    """The set with the labels of BODY alone, as a file in `folder`."""
    content = json.loads(coco.path.read_text())
    body = np.isin(COCO.keypoints, BODY)
    for person in content["annotations"]:
        keypoints = np.array(person["keypoints"]).reshape(-1, 3) * body[:, None]
        person |= {"keypoints": keypoints.ravel().tolist(), "num_keypoints": int((keypoints[:, 2] > 0).sum())}
    root = coco.path.parent / content.get("info", {}).get("image_root", ".")
    content["info"] = {**content.get("info", {}), "image_root": str(root.resolve())}
    path = folder / "body.json"
    path.write_text(json.dumps(content))
    return read_records(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lsp", type=Path, default=Path("data/lsp/test.json"))
    parser.add_argument("--coco", type=Path, default=Path("data/coco/val2017.json"))
    parser.add_argument("--empty", type=Path, nargs="*", default=[], metavar="FOLDER", help="pictures without people")
    parser.add_argument("--models", nargs="*", default=["fp32", "int8"], metavar="MODEL", help="UniPose's")
    parser.add_argument("--confidence", type=float, default=0.5, help="MediaPipe's min_detection_confidence")
    parser.add_argument("--margin", type=float, default=0.0, help="of true boxes for MediaPipe, in their sides")
    arguments = parser.parse_args()
    name, mediapipe = open_mediapipe(arguments.confidence, arguments.margin)
    predictors = {name: mediapipe, **{model: unipose.load(model) for model in arguments.models}}
    print(f"| | {' | '.join(predictors)} |\n|{' --- |' * (1 + len(predictors))}")
    for row, cells in rows(predictors, read_records(arguments.lsp), read_records(arguments.coco), arguments.empty):
        print(f"| {row} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
