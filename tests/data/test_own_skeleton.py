"""A user's own keypoints, from one YAML file: prepared, trained, exported and served."""

import json

import prepare_coco
import yaml
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.settings import Settings
from tests.support.small_training import SMALL
from unipose.core.skeleton import SKELETONS
from unipose.datasets.synthetic.images import draw_sample
from unipose.export import main as export
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.train import main as train

ARM = {
    "name": "arm",
    "keypoints": ["shoulder", "elbow", "wrist"],
    "limbs": [["shoulder", "elbow"], ["elbow", "wrist"]],
    "torso": ["shoulder", "elbow"],
}
TAKEN = [SKELETONS["lsp14"].keypoints.index(f"left_{name}") for name in ARM["keypoints"]]


def test_an_own_skeleton_is_prepared_trained_and_served(tmp_path):
    official, out = tmp_path / "official", tmp_path / "prepared"
    path, _ = draw_sample(official, count=20, seed=6)
    content = json.loads(path.read_text())
    for person in content["annotations"]:
        rows = [person["keypoints"][3 * k : 3 * k + 3] for k in TAKEN]
        person |= {"keypoints": sum(rows, []), "num_keypoints": 3}  # noqa: RUF017  (three short lists)
    content["categories"][0] = {"id": 1, "name": "arm", "keypoints": ARM["keypoints"], "skeleton": [[1, 2], [2, 3]]}
    (official / "images").rename(official / "arms")
    (official / "annotations").mkdir()
    (official / "annotations" / "person_keypoints_arms.json").write_text(json.dumps(content))
    (tmp_path / "arm.yaml").write_text(yaml.safe_dump(ARM))

    assert prepare_coco.main([str(official), "--skeleton", str(tmp_path / "arm.yaml"), "--out", str(out)]) == 0
    data = [f"data.train=[{out}/arms.json]", f"data.val={out}/arms.json", f"train.run={tmp_path}/run", "train.epochs=1"]
    assert train([*SMALL, *data, "model.name=arms"]) == 0
    assert export([str(tmp_path / "run" / "last.safetensors"), str(tmp_path / "arm.onnx")]) == 0

    predictor = Predictor(open_runtime(tmp_path / "arm.onnx"))
    photo = next((official / "arms").glob("*.jpg")).read_bytes()
    with TestClient(create_app(Settings(), predictor)) as client:
        answer = client.post("/pose", content=photo).json()
    assert answer["model"] == {"name": "arms", "skeleton": "arm", "version": predictor.spec.version}
    assert [k["name"] for k in answer["poses"][0]["keypoints"]] == ARM["keypoints"]


def test_a_wrong_skeleton_file_is_refused_by_name(tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(ARM | {"torso": ["shoulder", "wirst"]}))
    (tmp_path / "person_keypoints_x.json").write_text("{}")
    assert prepare_coco.main([str(tmp_path), "--skeleton", str(tmp_path / "s.yaml"), "--out", str(tmp_path)]) == 2
    assert "s.yaml: not a skeleton" in (error := capsys.readouterr().err)
    assert "did you mean 'wrist'" in error
