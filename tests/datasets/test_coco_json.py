import json

import pytest
from PIL import Image

from unipose.core.skeleton import SKELETONS
from unipose.datasets.coco_json import document, image_entry, write_changed, write_json
from unipose.datasets.label_file import read_labels
from unipose.datasets.records import read_records


@pytest.mark.parametrize("complete", [True, False])
def test_a_file_says_whether_everybody_is_listed(tmp_path, complete):
    write_json(
        tmp_path / "set.json",
        document(SKELETONS["lsp14"], [image_entry(1, "1.png", (5, 4))], [], "nobody", ".", complete=complete),
    )
    assert read_records(tmp_path / "set.json").complete == complete


def test_a_changed_file_elsewhere_finds_the_same_images(tmp_path):
    original, path = tmp_path / "a" / "set.json", tmp_path / "b" / "c" / "changed.json"
    images = [image_entry(i, f"{i}.png", (5, 4)) for i in (1, 2)]
    content = document(SKELETONS["lsp14"], images, [], "d", "p", complete=True)
    write_json(original, content)
    (tmp_path / "a" / "p").mkdir()
    Image.new("RGB", (5, 4)).save(tmp_path / "a" / "p" / "2.png")
    write_changed(path, read_labels(original), images=images[1:])
    changed = json.loads(path.read_text(encoding="utf-8"))
    assert changed["info"] == {"image_root": "../../a/p", "description": "d", "people": "all"}
    assert read_labels(path).images[2].is_file()
    assert changed["categories"] == content["categories"]
