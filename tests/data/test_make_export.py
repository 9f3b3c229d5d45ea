import json

import pytest
from make_export import KEYPOINTS, main

from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import SKELETON, draw_sample


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_figures_are_those_of_the_sample_with_keypoints_that_nobody_knows(tmp_path, part, capsys):
    for _ in range(2):  # it may be drawn again
        assert main(["--out", str(tmp_path / "export"), "--count", "10", "--seed", "3"]) == 0
    assert "LeftHand" in capsys.readouterr().out
    content = json.loads((tmp_path / "export" / "annotations" / f"person_keypoints_{part}.json").read_text())
    draw_sample(tmp_path / "drawn", 10, 3, figures=(1,))
    records = read_records(tmp_path / "drawn" / f"{part}.json").records
    for person, record in zip(content["annotations"], records, strict=True):
        rows = zip(*[iter(person["keypoints"])] * 3, strict=True)
        for (x, y, v), name in zip(rows, KEYPOINTS.values(), strict=True):
            k = SKELETON.keypoints.index(name)
            assert (x, y) == tuple(record.xy_image[k]) and (v == 2) == record.visible[k]
    assert "unipose" not in json.dumps(content["categories"]) and content["categories"][0]["keypoints"] == [*KEYPOINTS]
    assert not (tmp_path / "export" / f"{part}.json").exists()
