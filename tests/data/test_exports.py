"""What labelling tools export is read as it is where its keypoints are known, and prepared with any others."""

import gzip
import json
import shutil

import numpy as np
import pytest
import yaml
from prepare_coco import main

from tests.support.exports import EXPORTS, hosted_export, task_archive
from tests.support.label_sets import BOXES, person, write_set
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records

COCO = SKELETONS["coco17"]


def check_people(record_set, skeleton):
    """They are those of `person`, in this skeleton."""
    assert record_set.skeleton == skeleton and len(record_set.images) == 3
    for record, number in zip(record_set.records, BOXES, strict=True):
        rows = np.reshape(person(number)["keypoints"], (17, 3))
        np.testing.assert_array_equal(record.labelled, rows[:, 2] > 0)
        np.testing.assert_array_equal(record.visible, rows[:, 2] > 1)
        np.testing.assert_allclose(record.xy_image[record.labelled], rows[record.labelled, :2])
        assert record.image_path.is_file() and record.area > 0 and (record.box_xyxy[2:] > record.box_xyxy[:2]).all()


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_is_read_as_it_is(tmp_path, export):
    check_people(read_records(export(tmp_path)), COCO)


PARTS = [f"part {i}" for i in range(15)] + ["FlapLeft", "FlapRight"]
OWN = {"name": "own", "keypoints": PARTS, "limbs": [["part 0", "part 1"]], "torso": ["part 0", "part 1"]}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_of_other_keypoints_is_prepared_with_its_skeleton(tmp_path, capsys, export):
    path, out = export(tmp_path / "export", PARTS), tmp_path / "out"
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(OWN))
    assert main([str(path), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert (
        error.startswith(f"error: {path}: must have the keypoints nose, left_eye") and "--skeleton FILE.yaml" in error
    )
    assert not out.exists()
    arguments = [str(path), "--skeleton", str(tmp_path / "own.yaml"), "--split", "mine", "--out", str(out)]
    assert main(arguments) == 0
    assert "FlapLeft and FlapRight trade places; part 0, part 1" in capsys.readouterr().out
    prepared = read_records(out / "mine.json")
    check_people(prepared, prepared.skeleton)
    assert prepared.skeleton.keypoints == tuple(PARTS) and prepared.skeleton.mirror[15:] == (16, 15)


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_a_whole_archive_is_prepared(tmp_path, source, capsys):
    """Its person_keypoints_default.json is found, and images/default."""
    task_archive(tmp_path / "task")
    path = tmp_path / "task" if source == "folder" else shutil.make_archive(tmp_path / "task", "zip", tmp_path / "task")
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    assert "default: 3 images, 3 persons, others perhaps not listed, 3 with keypoints" in capsys.readouterr().out
    check_people(read_records(tmp_path / "out" / "default.json"), COCO)


def two_species(content):
    content["categories"].append({"id": 2, "name": "dog", "keypoints": list(COCO.keypoints), "skeleton": []})
    content["annotations"][2]["category_id"] = 2


@pytest.mark.parametrize(("name", "ids"), [("person", [11, 12]), ("dog", [13])])
def test_one_of_several_categories_is_chosen_by_its_name(tmp_path, capsys, name, ids):
    path = write_set(tmp_path, two_species)
    with pytest.raises(
        ValueError, match=r"2 categories with keypoints \(person, dog\); data/prepare_coco.py --category"
    ):
        read_records(path)
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    assert main([str(path), "--category", "cat", "--out", str(tmp_path / "out")]) == 2
    assert "has 0 categories called cat (person, dog)" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert main([str(path), "--category", name, "--out", str(tmp_path / "out")]) == 0
    assert [record.id for record in read_records(tmp_path / "out" / "set.json").records] == ids


@pytest.mark.parametrize("repeated", ["annotations", "images"])
def test_merged_sets_whose_ids_collide_are_refused(tmp_path, capsys, repeated):
    one, other = (json.loads(hosted_export(tmp_path).read_text()) for _ in range(2))
    for image in other["images"]:
        image["id"] += 3 * (repeated == "annotations")
        (tmp_path / "train" / f"b{image['file_name']}").write_bytes(
            (tmp_path / "train" / image["file_name"]).read_bytes()
        )
        image["file_name"] = f"b{image['file_name']}"
    for i, annotation in enumerate(other["annotations"]):
        annotation["image_id"] += 3 * (repeated == "annotations")
        annotation["id"] = i + 3 * (repeated == "images")
    path = tmp_path / "train" / "merged.json"
    lists = {kind: one[kind] + other[kind] for kind in ("images", "annotations")}
    path.write_text(json.dumps(one | lists))
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"error: {path}: {repeated}: id 0 is there twice; each" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=f"{repeated}: id 0 is there twice; each"):
        read_records(path)


def test_boxes_alone_are_a_set_for_a_finder(tmp_path):
    """As in COCO's instances: 80 categories without keypoints, one of them person."""

    def spoil(content):
        content["categories"] = [{"id": 1, "name": "person", "supercategory": "person"}, {"id": 2, "name": "bicycle"}]
        for one in content["annotations"]:
            del one["keypoints"], one["num_keypoints"]
            one["segmentation"] = [[1, 2, 3, 4, 5, 6]]
        content["annotations"][1]["category_id"] = 2

    found = read_records(write_set(tmp_path, spoil))
    assert found.records == () and [record.id for record in found.others] == [11, 13]
    assert {key: len(people) for key, people in found.boxes.items()} == {3: 1, 5: 1}
    with pytest.raises(ValueError, match=r"set.json has no labelled keypoint"):
        found.require_keypoints()


def test_boxes_of_one_of_several_categories_are_chosen_by_its_name(tmp_path):
    def spoil(content):
        content["categories"] = [{"id": 4, "name": "pedestrian"}, {"id": 6, "name": "cyclist"}]
        for one in content["annotations"]:
            del one["keypoints"], one["num_keypoints"]
            one["category_id"] = 4 if one["id"] == 11 else 6

    path = write_set(tmp_path, spoil)
    with pytest.raises(
        ValueError, match=r"has 2 categories of boxes \(pedestrian, cyclist\); data/prepare_coco.py --cat"
    ):
        read_records(path)
    assert main([str(path), "--category", "cyclist", "--out", str(tmp_path / "out")]) == 0
    found = read_records(tmp_path / "out" / "set.json")
    assert [record.id for record in found.others] == [12, 13] and found.records == ()


@pytest.mark.parametrize("name", ["set.json", "set.json.gz", "labels"])
def test_json_by_any_name_is_prepared(tmp_path, name):
    path = write_set(tmp_path, name=name)
    path.write_bytes(gzip.compress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes())
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    assert len(read_records(tmp_path / "out" / f"{name.partition('.')[0]}.json").records) == 3


def test_a_prepared_file_never_replaces_its_source(tmp_path, capsys):
    path = write_set(tmp_path)
    before = path.read_bytes()
    assert main([str(path), "--out", str(tmp_path)]) == 2
    assert "set.json would overwrite what it is made from" in capsys.readouterr().err and path.read_bytes() == before


def test_nothing_is_written_unless_all_splits_are_right(tmp_path, capsys):
    task = task_archive(tmp_path)
    (task.parent / "person_keypoints_zzz.json").write_text("{}")
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "person_keypoints_zzz.json: has no list of images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_that_people_may_lack_labels_is_kept(tmp_path):
    path = write_set(tmp_path, lambda content: content["info"].update(people="some"))
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    assert not read_records(tmp_path / "out" / "set.json").complete


def renamed(file_name):
    return lambda content: content["images"][0].update(file_name=file_name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (renamed("none.png"), " names the image "),
        (
            renamed("/home/me/3.png"),
            " names the image /home/me/3.png, which does not exist; file_name is to be relative",
        ),
        (lambda content: content.update(info={"image_root": 7}), ": info.image_root must be the images' folder, got 7"),
        (lambda content: content["images"][1].update(file_name="../x.png"), ": "),
    ],
)
def test_a_json_files_images_are_named_where_they_are_missing(tmp_path, capsys, spoil, message):
    path = write_set(tmp_path / "set", spoil)
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith((f"error: {path}{message}", f"error: {tmp_path}/set: ../x.png is missing"))
    assert error.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "listed"),
    [("a b.png", "a%20b.png"), ("a/b.png", "a\\b.png"), ("3.png", "./3.png"), ("[a] *.png", "[a] *.png")],
)
@pytest.mark.parametrize("source", ["folder", "zip"])
def test_an_archives_images_are_found_however_labels_write_their_names(tmp_path, name, listed, source):
    path = write_set(tmp_path / "set", renamed(listed), "person_keypoints_x.json")
    for image in list(path.parent.glob("*.png")):
        target = path.parent / "x" / (name if image.name == "3.png" else image.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        image.rename(target)
    packed = path.parent if source == "folder" else shutil.make_archive(tmp_path / "set", "zip", path.parent)
    assert main([str(packed), "--out", str(tmp_path / "out")]) == 0
    [first, *_] = read_records(tmp_path / "out" / "x.json").records
    assert first.image_path.read_bytes() == (path.parent / "x" / name).read_bytes()
