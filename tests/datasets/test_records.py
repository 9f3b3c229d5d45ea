import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.datasets.records import Annotated, Record, RecordSet, clips, read_records

LSP, COCO, BODY = (SKELETONS[name] for name in ("lsp14", "coco17", "body19"))


def document(**changes):
    annotation = {"id": 5, "image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40], "area": 1200, "iscrowd": 0,
                  "keypoints": [11.5, 22, 2, 12, 23, 1, 0, 0, 0] + [13, 24, 2] * 11, "num_keypoints": 13}  # fmt: skip
    return {
        "info": {"image_root": "pictures"},
        "images": [{"id": 3, "file_name": "a.jpg", "width": 64, "height": 80}],
        "annotations": [annotation | changes],
        "categories": [{"id": 1, "name": "person", "keypoints": list(LSP.keypoints), "skeleton": []}],
    }


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "pictures").mkdir()
    for name in ("a.jpg", *(f"{i}.jpg" for i in range(7))):
        Image.new("RGB", (64, 80)).save(tmp_path / "pictures" / name)

    def write(data) -> Path:
        path = tmp_path / "data.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    return write


def test_a_person(write):
    found = read_records(write(document(head_size=17.5)))
    [record] = found.records
    assert found.skeleton is LSP
    assert (record.id, record.image_id, record.head_size) == (5, 3, 17.5)
    assert record.image_path.name == "a.jpg" and record.image_path.is_file()
    assert record.box_xyxy.tolist() == [10, 20, 40, 60]
    assert record.xy_image[:2].tolist() == [[11.5, 22], [12, 23]]
    assert record.labelled.tolist() == [True, True, False] + [True] * 11
    assert record.visible.tolist() == [True, False, False] + [True] * 11


@pytest.mark.parametrize("change", [{"iscrowd": 1}, {"keypoints": [0] * 42}])
def test_crowds_and_people_without_keypoints_are_left_out(write, change):
    assert read_records(write(document(**change))).records == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("[1, 2", "data.json is not whole JSON"),
        ("{}", "data.json: has no list of images"),
        (document(image_id=4), "data.json: annotation 5: image 4 is not in the list of images"),
        (
            document() | {"info": {"people": ["most"], "image_root": "pictures"}},
            r"info.people says whether all or some are listed, got \['most'\]",
        ),
        (
            document(keypoints=[12, 25, 2]) | {"categories": [{"id": 1, "name": "person", "keypoints": ["a"]}]},
            r"data.json: no skeleton has the keypoints a; known are .*; data/prepare_coco.py --skeleton FILE.yaml",
        ),
    ],
)
def test_malformed_files_are_refused(write, data, message):
    path = write(data)
    with pytest.raises(ValueError, match=message) as error:
        read_records(path)
    assert str(path) in str(error.value)


def test_a_missing_image_is_named(write, tmp_path):
    (tmp_path / "pictures" / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"data\.json names the image .*a\.jpg"):
        read_records(write(document()))


def film(frames):
    """A set of images with (video_id, frame_id), each with one person."""
    data = document()
    [annotation] = data["annotations"]
    data["images"] = [
        {"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 80, "video_id": video, "frame_id": frame}
        for i, (video, frame) in enumerate(frames)
    ]
    data["annotations"] = [annotation | {"id": i, "image_id": i} for i in range(len(frames))]
    return data


def test_clips_are_a_videos_consecutive_frames_in_order(write):
    found = clips(read_records(write(film([(2, 4), (1, 1), (1, 3), (2, 5), (1, 2), (2, 8), (3, 6)]))).records)
    assert [[record.frame for record in clip] for clip in found] == [
        [(1, 1), (1, 2), (1, 3)], [(2, 4), (2, 5)], [(2, 8)], [(3, 6)],
    ]  # fmt: skip


@pytest.mark.parametrize("data", [document(), film([(1, 1), (1, 2), (1, 2)])])
def test_photographs_and_several_people_make_no_clips(write, data):
    with pytest.raises(ValueError, match=r"[a1].jpg: clips need images with video_id and frame_id, and one person"):
        clips(read_records(write(data)).records)


def labelled(skeleton, seed=0) -> RecordSet:
    """A set of one person, with about two thirds of the keypoints labelled, some of them occluded."""
    rng = np.random.default_rng(seed)
    known = rng.random(len(skeleton.keypoints)) < 0.7
    xy = np.where(known[:, None], rng.uniform(0, 99, (len(known), 2)), 0.0)
    seen = known & (rng.random(len(known)) < 0.7)
    record = Record(5, 3, Path("a.jpg"), xy, known, seen, np.array([10.0, 20, 40, 60]), None)
    boxes = {3: Annotated(record.box_xyxy[None], np.array([False]))}
    return RecordSet(Path("set.json"), skeleton, (record,), {3: Path("a.jpg"), 4: Path("b.jpg")}, boxes, complete=False)


@given(st.sampled_from(list(SKELETONS.values())), st.sampled_from(list(SKELETONS.values())), st.integers(0, 999))
def test_another_skeletons_keypoints_are_found_by_name(own, other, seed):
    """Each is the one of the same name, if the set has it, and otherwise not labelled."""
    before = labelled(own, seed)
    after = before.onto(other)
    assert after.skeleton is other
    assert (after.path, after.images, after.boxes, after.complete) == (before.path, before.images, before.boxes, False)
    [was], [now] = before.records, after.records
    assert (now.id, now.image_id, now.image_path) == (was.id, was.image_id, was.image_path)
    assert now.box_xyxy is was.box_xyxy and now.xy_image.shape == (len(other.keypoints), 2)
    assert now.labelled.shape == now.visible.shape == (len(other.keypoints),)
    for k, name in enumerate(other.keypoints):
        if name in own.keypoints:
            i = own.keypoints.index(name)
            assert (now.xy_image[k] == was.xy_image[i]).all()
            assert (now.labelled[k], now.visible[k]) == (was.labelled[i], was.visible[i])
        else:
            assert not (now.labelled[k] or now.visible[k] or now.xy_image[k].any())


@pytest.mark.parametrize(
    ("own", "lacking"), [(LSP, "nose left_eye right_eye left_ear right_ear"), (COCO, "neck head_top")]
)
def test_what_body19_has_and_a_set_lacks(own, lacking):
    every = labelled(own)
    [record] = every.records
    record.labelled[:] = True
    [moved] = every.onto(BODY).records
    assert [name for name, known in zip(BODY.keypoints, moved.labelled, strict=True) if not known] == lacking.split()
    [back] = every.onto(BODY).onto(own).records
    assert np.array_equal(back.xy_image, record.xy_image) and back.labelled.all()


def test_a_set_that_shares_no_keypoint_is_refused():
    strange = Skeleton("hand", ("wrist", "thumb"), (0, 1), (), (0.1, 0.1), (0, 1))
    with pytest.raises(ValueError, match=r"set\.json has no keypoint of body19: it has wrist, thumb"):
        labelled(strange).onto(BODY)
