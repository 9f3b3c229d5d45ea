"""Label files of other tools, on every command line that reads them: they work, or one line says what is wrong."""

import json

import clean_labels
import leave_out_twins
import pytest

from tests.support.exports import EXPORTS, studio_export
from tests.support.label_sets import first, write_set
from tests.support.small_training import SMALL
from unipose.bench import main as bench
from unipose.calibrate import main as calibrate
from unipose.datasets.synthetic.images import draw_sample
from unipose.evaluate import main as evaluate
from unipose.quantize import main as quantize
from unipose.train import main as train
from unipose.weights import named_model, weights_beside

FINDER = str(weights_beside("finder", None, named_model("fp32")))
WEIGHTS = str(named_model("fp32").with_suffix(".safetensors"))
FEW = [*SMALL, "train.batch_size=3", "train.epochs=1"]

COMMANDS = {
    "train": lambda path, out: train([*FEW, f"data.train=[{path}]", f"train.run={out}"]),
    "train, judged on it": lambda path, out: train(
        [*FEW, f"data.train=[{right(path)}]", f"data.val={path}", f"train.run={out}"]
    ),
    "train a finder": lambda path, out: train(
        [*FEW, "model.kind=finder", "train.loss=boxes", f"data.train=[{path}]", f"train.run={out}"]
    ),
    "evaluate": lambda path, out: evaluate(["default", str(path), "--json", str(out)]),
    "evaluate a finder": lambda path, out: evaluate([FINDER, str(path), "--json", str(out)]),
    "calibrate": lambda path, out: calibrate([WEIGHTS, str(out), "--data", str(path)]),
    "quantize": lambda path, out: quantize([str(named_model("fp32")), str(out), "--images", str(path), "--count", "1"]),
    "bench": lambda path, out: bench(["calm", str(path)]),
    "clean labels": lambda path, out: clean_labels.main(["default", str(path), "--out", str(out)]),
    "leave out twins": lambda path, out: leave_out_twins.main(
        [str(path), "--train", str(right(path)), "--count", "1", "--out", str(out)]
    ),
}  # fmt: skip


def right(path):
    return write_set(path.parent / "right")


FAULTS = {
    "a box of no area": (first(bbox=[0, 0, 0, 0]), "annotation 11 (3.png): bbox [0, 0, 0, 0] has no area"),
    "a box of text": (first(bbox="none"), "annotation 11 (3.png): bbox must be 4 numbers"),
    "NaN": (first(keypoints=[float("nan"), 30, 2] * 17), "annotation 11 (3.png): keypoints must be finite numbers"),
    "an id twice": (first(id=12), "annotations: id 12 is there twice"),
    "an image that is not listed": (first(image_id=4), "annotation 11: image 4 is not in the list of images"),
}


@pytest.mark.parametrize(("spoil", "message"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_refuses_in_one_line(tmp_path, capfd, command, spoil, message):
    path, out = write_set(tmp_path, spoil), tmp_path / "out"
    assert command(path, out) == 2
    error = capfd.readouterr().err
    assert f"error: {path}: {message}" in error and error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_is_trained_on_and_judged_by_ap(tmp_path, capsys, export):
    """COCO's keypoints are judged by AP, for which areas, crowds and counts of keypoints are derived."""
    path, run = export(tmp_path), tmp_path / "run"
    assert train([*FEW, f"data.train=[{path}]", f"data.val={path}", f"train.run={run}"]) == 0
    [line] = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert line["metric"] == "OKS AP" and line["validation"] is not None
    report = tmp_path / "report.json"
    assert evaluate([str(run / "last.safetensors"), str(path), "--json", str(report)]) == 0
    assert json.loads(report.read_text())["people"] == 3


def test_a_finder_learns_from_boxes_alone(tmp_path):
    """Of the category person, in a file without any keypoints; a pose network refuses it."""

    def spoil(content):
        content["categories"] = [{"id": 17, "name": "cat"}, {"id": 4, "name": "person"}]
        for one in content["annotations"]:
            del one["keypoints"], one["num_keypoints"], one["area"], one["iscrowd"]
            one["category_id"] = 4

    path = write_set(tmp_path, spoil)
    words = [*FEW, "model.kind=finder", "train.loss=boxes", f"data.train=[{path}]", f"data.val={path}"]
    assert train([*words, f"train.run={tmp_path}/run"]) == 0
    [line] = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert line["metric"] == "box AP"


@pytest.mark.parametrize(
    "command", [COMMANDS[name] for name in ("train", "train, judged on it", "evaluate", "clean labels")]
)
@pytest.mark.parametrize("empty", ["no keypoints", "crowds", "nobody"])
def test_a_set_without_labelled_keypoints_is_refused(tmp_path, capsys, command, empty):
    def spoil(content):
        for one in content["annotations"]:
            one |= {"no keypoints": {"keypoints": []}, "crowds": {"iscrowd": 1}, "nobody": {}}[empty]
        content["annotations"] = [] if empty == "nobody" else content["annotations"]

    path, out = write_set(tmp_path, spoil), tmp_path / "out"
    assert command(path, out) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path} has n") and error.count("\n") == 1 and not out.exists()


def test_a_finder_needs_somebody(tmp_path, capsys):
    path = write_set(tmp_path, lambda content: content["annotations"].clear())
    assert COMMANDS["train a finder"](path, tmp_path / "out") == 2
    assert f"error: {path}: has nobody's box, to learn from" in capsys.readouterr().err


@pytest.fixture(scope="module")
def ap(tmp_path_factory):
    """AP of drawn figures whose category has this number, in true boxes and in those of a detection file."""

    def measure(category):
        folder = tmp_path_factory.mktemp("drawn")
        path, _ = draw_sample(folder, count=10, seed=3)
        content = json.loads(path.read_text())
        content["categories"][0]["id"] = category
        people = [one | {"category_id": category} for one in content["annotations"]]
        path.write_text(json.dumps(content | {"annotations": people}))
        found, report = folder / "found.json", folder / "report.json"
        keys = ("image_id", "category_id", "bbox")
        found.write_text(json.dumps([{key: one[key] for key in keys} | {"score": 0.5} for one in people]))
        numbers = []
        for boxes in ("truth", str(found)):
            words = ["default", str(path), "--metric", "ap", "--boxes", boxes, "--json", str(report)]
            assert evaluate(words) == 0
            numbers.append(json.loads(report.read_text())["mean"])
        return numbers

    return measure


def test_ap_of_a_category_of_any_number_with_true_and_detected_boxes(ap):
    truth, detected = ap(1)
    assert truth > 10 and detected > 10
    assert ap(0) == ap(90) == [truth, detected]


def test_a_locale_that_is_not_utf_8(tmp_path, run_ascii):
    """Labels, names and skeletons are read, and results written, as in any other."""
    path = studio_export(tmp_path / "Jos\u00e9", [f"左{i}" for i in range(8)] + [f"右{i}" for i in range(8)] + ["鼻"])
    words = "name: 人\nkeypoints: [{}]\nlimbs: [[左0, 右0]]\ntorso: [左0, 右0]\n"
    (tmp_path / "人.yaml").write_bytes(
        words.format(", ".join([*(f"左{i}" for i in range(8)), *(f"右{i}" for i in range(8)), "鼻"])).encode(
            "utf-8-sig"
        )
    )
    out = tmp_path / "\u00fc"
    command = ["data/prepare_coco.py", str(path), "--skeleton", str(tmp_path / "人.yaml"), "--out", str(out)]
    assert "左0 and 右0" in run_ascii(*command)
    train_words = [*FEW, f"data.train=[{out}/result.json]", f"data.val={out}/result.json", f"train.run={tmp_path}/run"]
    run_ascii("-m", "unipose.train", *train_words)
    model = tmp_path / "run" / "last.safetensors"
    report = ["--report", str(tmp_path / "ö"), "--json", str(tmp_path / "ä.json")]
    printed = run_ascii("-m", "unipose.evaluate", str(model), str(out / "result.json"), *report)
    assert "左0" in printed
    assert "左0" in (tmp_path / "ö" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "ä.json").read_bytes())["per_keypoint"].keys() >= {"左0", "鼻"}
    assert "no skeleton has the keypoints 左0" in run_ascii(
        "-m", "unipose.evaluate", str(model), str(path), returncode=2
    )
