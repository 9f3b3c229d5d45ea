"""Label files in all the ways JSON is stored, and what is no label file."""

import gzip
import json
import re

import pytest

from tests.support.label_sets import write_set
from unipose.datasets.label_file import read_labels
from unipose.datasets.records import read_records

STORED = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a byte-order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 with a byte-order mark": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip with a byte-order mark": lambda text: gzip.compress(text.encode("utf-8-sig")),
    "many lines": lambda text: json.dumps(json.loads(text), indent=2).replace("\n", "\r\n").encode(),
    "as text is": lambda text: json.dumps(json.loads(text), ensure_ascii=False).encode(),
}


@pytest.mark.parametrize("store", STORED.values(), ids=STORED)
@pytest.mark.parametrize("name", ["set.json", "set.json.gz", "s\u00e9t [1] 100%.json", "set"])
def test_json_however_it_is_stored(tmp_path, store, name):
    path = write_set(tmp_path, lambda content: content["info"].update(description="J\u00f6rg \u4e09"), name)
    path.write_bytes(store(path.read_text(encoding="utf-8")))
    file = read_labels(path)
    assert file.info["description"] == "J\u00f6rg \u4e09" and len(file.labels.people) == 3


WHOLE = b'{"images": [], "annotations": [], "categories": []}'
NONE = {
    "empty": (b"", "is empty, not JSON"),
    "blank": (b"\n \n", "is empty, not JSON"),
    "cut off": (WHOLE[:-9], "is not whole JSON (Unterminated string starting at: line 1"),
    "something after it": (WHOLE + b"}", "is not whole JSON (Extra data"),
    "gzip, cut off": (gzip.compress(WHOLE)[:-12], "is not a whole gzip file"),
    "gzip, damaged": (gzip.compress(WHOLE)[:20] + b"xx" + gzip.compress(WHOLE)[22:], "is not a whole gzip file"),
    "Latin-1": ('{"info": "J\u00f6rg"}'.encode("latin-1"), "is not JSON in UTF-8"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(range(128, 200)), "is not JSON in UTF-8"),
    "a zip": (b"PK\x03\x04" + bytes(30), "is a zip file; unpack it, and name the JSON file in it"),
    "a page": (b"<html>404</html>", "is not JSON, as labels and detections are (data/README.md)"),
    "a table": (b"0 0.5 0.5 0.2 0.3\n", "is not JSON, as labels and detections are"),
    "nested without end": (b"[" * 100_000, "nested too deeply"),
    "null": (b"null", "holds None; COCO-keypoint JSON has lists of images, annotations and categories"),
    "text": (b'"labels"', "holds 'labels'; COCO-keypoint JSON has"),
    "another format": (b'{"version": "5.0", "shapes": [], "imagePath": "a.jpg"}', "has no list of images; COCO-key"),
    "results": (b'[{"image_id": 1, "category_id": 1, "score": 0.9}]', "is a list, as results of a detector or a model"),
}


@pytest.mark.parametrize(("data", "message"), NONE.values(), ids=NONE)
def test_what_is_no_label_file_is_named(tmp_path, data, message):
    path = tmp_path / "set.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_records(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_folder_is_no_label_file(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; name a JSON file"):
        read_records(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none.json"):
        read_records(tmp_path / "none.json")


def test_the_content_is_complete_and_of_one_category(tmp_path):
    def spoil(content):
        content["categories"].insert(0, {"id": 7, "name": "dog"})
        content["annotations"].append({"id": "x", "category_id": 7})
        for one in content["annotations"][:3]:
            del one["area"], one["iscrowd"], one["num_keypoints"], one["bbox"]
            one["attributes"] = {"occluded": True}

    content = read_labels(write_set(tmp_path, spoil)).content
    assert [category["name"] for category in content["categories"]] == ["person"]
    assert [one["id"] for one in content["annotations"]] == [11, 12, 13]
    for one in content["annotations"]:
        assert one["attributes"] == {"occluded": True} and one["iscrowd"] == 0 and len(one["bbox"]) == 4
        assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3], abs=0.01)
        assert one["num_keypoints"] == sum(v > 0 for v in one["keypoints"][2::3]) > 0
    assert json.loads(json.dumps(content)) == content
