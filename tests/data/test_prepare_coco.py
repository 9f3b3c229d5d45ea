import copy
import io
import json
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prepare_coco import main

from tests.support.archives import zipped
from tests.support.image_files import encoded
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.evaluation.summary import average_precision

LABELS = "coco/annotations/person_keypoints_val2017.json"
PICTURE = "coco/val2017/000000000007.jpg"


def labels() -> dict:
    """One image; a person with two keypoints, one without, and a crowd."""
    keypoints = [30, 20, 2, 32, 18, 1] + [0] * 45
    person = {"image_id": 7, "category_id": 1, "area": 321.5, "iscrowd": 0, "bbox": [25.5, 10, 20, 40.25],
              "segmentation": [[0, 0, 1, 0, 1, 1]]}  # fmt: skip
    nobody = {"keypoints": [0] * 51, "num_keypoints": 0}
    return {
        "info": {}, "licenses": [],
        "images": [{"id": 7, "file_name": "000000000007.jpg", "width": 60, "height": 80, "license": 1}],
        "annotations": [
            {**person, "id": 3, "keypoints": keypoints, "num_keypoints": 2},
            {**person, **nobody, "id": 4},
            {**person, **nobody, "id": 5, "iscrowd": 1, "segmentation": {"size": [80, 60], "counts": [4800]}},
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(SKELETONS["coco17"].keypoints), "skeleton": []}],
    }  # fmt: skip


def jpeg(size_wh=(60, 80)) -> bytes:
    return encoded(Image.new("RGB", size_wh), "JPEG")


def test_everyone_is_kept_and_those_with_labels_are_trained_on(tmp_path, capsys):
    source = zipped(tmp_path / "coco.zip", {LABELS: json.dumps(labels()).encode(), PICTURE: jpeg()})
    assert main([str(source), "--out", str(tmp_path / "out")]) == 0
    assert "val2017: 1 images, 3 persons, 1 with keypoints" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "val2017.json").read_text())
    kept = [
        {key: value for key, value in person.items() if key != "segmentation"} for person in labels()["annotations"]
    ]
    assert written["annotations"] == kept
    [record] = read_records(tmp_path / "out" / "val2017.json").records
    assert record.id == 3
    assert record.box_xyxy.tolist() == [25.5, 10, 45.5, 50.25]
    assert record.visible.tolist() == [True] + [False] * 16
    assert record.labelled.tolist() == [True, True] + [False] * 15


def test_people_get_category_1_whatever_theirs_was(tmp_path):
    """Results have category 1, and pycocotools matches only within a category."""
    content = labels()
    content["categories"][0]["id"] = 7
    for annotation in content["annotations"]:
        annotation["category_id"] = 7
    source = zipped(tmp_path / "coco.zip", {LABELS: json.dumps(content).encode(), PICTURE: jpeg()})
    assert main([str(source), "--out", str(tmp_path / "out")]) == 0
    written = json.loads((tmp_path / "out" / "val2017.json").read_text())
    assert {person["category_id"] for person in written["annotations"]} == {1} == {written["categories"][0]["id"]}


@pytest.mark.parametrize(
    ("listed", "option", "people"),
    [
        ((3, 4, 5), [], "all"),
        ((3, 4), [], "all"),
        ((3, 5), [], "all"),  # a crowd is never labelled one by one
        ((3,), [], "some"),
        ((), [], "some"),
        ((3,), ["--people", "all"], "all"),
        ((3, 4, 5), ["--people", "some"], "some"),
    ],
)
def test_where_only_people_with_keypoints_are_listed_there_may_be_others(tmp_path, capsys, listed, option, people):
    content = labels()
    content["annotations"] = [person for person in content["annotations"] if person["id"] in listed]
    source = zipped(tmp_path / "coco.zip", {LABELS: json.dumps(content).encode(), PICTURE: jpeg()})
    assert main([str(source), "--out", str(tmp_path / "out"), *option]) == 0
    assert json.loads((tmp_path / "out" / "val2017.json").read_text())["info"]["people"] == people
    assert read_records(tmp_path / "out" / "val2017.json").complete == (people == "all")
    assert ("others perhaps not listed" in capsys.readouterr().out) == (people == "some")


def test_labels_and_images_in_separate_files(tmp_path):
    """As COCO publishes them: labels of both splits in one zip, each split's images in another."""
    text = json.dumps(labels()).encode()
    source = zipped(tmp_path / "annotations.zip", {LABELS: text, LABELS.replace("val", "train"): text})
    (tmp_path / "pictures" / "val2017").mkdir(parents=True)
    (tmp_path / "pictures" / "val2017" / "000000000007.jpg").write_bytes(jpeg())
    arguments = [str(source), "--images", str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2  # no images for train2017
    assert main([*arguments, "--split", "val2017"]) == 0
    [record] = read_records(tmp_path / "out" / "val2017.json").records
    assert record.image_path.resolve() == (tmp_path / "pictures" / "val2017" / "000000000007.jpg").resolve()
    assert not (tmp_path / "out" / "images").exists()


def changed(*path, value) -> bytes:
    """The labels with one value replaced, as JSON."""
    content = copy.deepcopy(labels())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(content).encode()


WHOLE = json.dumps(labels()).encode()
FIRST = ("annotations", 0)
NAMED = "annotation 3 (000000000007.jpg)"


@pytest.mark.parametrize(
    ("text", "picture", "message"),
    [
        (WHOLE, None, "needs exactly one val2017/000000000007.jpg, found none"),
        (WHOLE, b"GIF89a", f"{PICTURE} is not a readable image"),
        (WHOLE, jpeg((80, 60)), f"{PICTURE} is (80, 60), its labels say (60, 80)"),
        (WHOLE[:-100], jpeg(), f"{LABELS} is not whole JSON"),
        (b"\xff\xfe\x00", jpeg(), f"{LABELS} is not JSON"),
        (b"[]", jpeg(), f"{LABELS}: is a list, as results of"),
        (changed("images", value=[]), jpeg(), f"{LABELS}: lists no images"),
        (changed("categories", 0, "keypoints", value=["nose"]), jpeg(), f"{LABELS}: must have the keypoints nose,"),
        (changed(*FIRST, "image_id", value=8), jpeg(), f"{LABELS}: annotation 3: image 8 is not in the list of images"),
        (changed(*FIRST, "category_id", value=2), jpeg(), f"{NAMED}: category 2 is not in the list of categories"),
        (changed(*FIRST, "id", value=4), jpeg(), f"{LABELS}: annotations: id 4 is there twice"),
        (changed(*FIRST, "keypoints", value=[1, 2, 2]), jpeg(), f"{NAMED}: needs 51 numbers as keypoints"),
        (changed(*FIRST, "keypoints", 0, value=float("nan")), jpeg(), f"{NAMED}: keypoints must be finite"),
        (changed(*FIRST, "keypoints", 2, value=3), jpeg(), f"{NAMED}: visibility must be 0, 1 or 2"),
        (changed(*FIRST, "bbox", 2, value=None), jpeg(), f"{NAMED}: bbox must be 4 numbers"),
    ],
)  # fmt: skip
def test_damaged_input_is_refused_by_name(tmp_path, refused, text, picture, message):
    content = {LABELS: text} | ({PICTURE: picture} if picture is not None else {})
    refused(main, zipped(tmp_path / "coco.zip", content), message)


def test_a_source_without_labels_is_refused(tmp_path, capsys):
    assert main([str(zipped(tmp_path / "coco.zip", {PICTURE: jpeg()})), "--out", str(tmp_path / "out")]) == 2
    assert "has no person_keypoints_*.json" in capsys.readouterr().err


def ap(truth: Path, found: list[dict]) -> np.ndarray:
    """COCO's ten AP and AR values."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(found), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize(
    ("archive", "persons", "labelled"),
    [("coco_mini", {"train2017": 172, "val2017": 65}, {"train2017": 86, "val2017": 28}),
     ("coco_sample", {"val2017": 14}, {"val2017": 12})],
)  # fmt: skip
def test_pycocotools_finds_the_same_ap_in_real_coco(tmp_path, real_data, archive, persons, labelled):
    assert main([str(real_data / f"{archive}.zip"), "--out", str(tmp_path)]) == 0
    for split, count in persons.items():
        name = f"annotations/person_keypoints_{split}.json"
        original = Path(zipfile.ZipFile(real_data / f"{archive}.zip").extract(name, tmp_path))
        people = json.loads(original.read_text())["annotations"]
        assert len(people) == count
        assert len(read_records(tmp_path / f"{split}.json").records) == labelled[split]
        found = []  # for every annotation, crowds and empty ones too, so that ignoring them matters
        for number, person in enumerate(people):
            rng = np.random.default_rng(number)
            left, top, width, height = person["bbox"]
            keypoints = np.array(person["keypoints"], float).reshape(17, 3)
            if not person["num_keypoints"]:
                keypoints[:, :2] = (left, top) + rng.random((17, 2)) * (width, height)
            keypoints[:, :2] += rng.normal(0, 0.1 * np.sqrt(person["area"]) * rng.random(), (17, 2))
            found.append({"image_id": person["image_id"], "category_id": 1, "score": float(rng.random()),
                          "keypoints": keypoints.ravel().tolist()})  # fmt: skip
        expected = ap(original, found)
        assert 0.2 < expected[0] < 0.95
        np.testing.assert_array_equal(ap(tmp_path / f"{split}.json", found), expected)
        ours = average_precision(found, read_records(tmp_path / f"{split}.json"))
        np.testing.assert_array_equal(list(ours.values()), expected)
