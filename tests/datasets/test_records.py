import json
from pathlib import Path

import pytest
from PIL import Image

from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import clips, read_records

LSP = SKELETONS["lsp14"]


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
            document(keypoints=[12, 25, 2]) | {"categories": [{"id": 1, "name": "person", "keypoints": ["a"]}]},
            r"data.json: no skeleton has the keypoints a; known are .*; data/prepare_coco.py --skeleton FILE.yaml",
        ),
    ],
)
def test_malformed_files_are_refused(write, data, message):
    path = write(data)
    with pytest.raises(ValueError, match=message):
        read_records(path)


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
