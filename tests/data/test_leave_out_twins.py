import json

import leave_out_twins
import numpy as np
import pytest
from PIL import Image, ImageOps

from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample


@pytest.fixture
def halves(tmp_path):
    """A drawn set whose test images 1 and 3 are training images, one at half size, the other mirrored and darker."""
    train, test = draw_sample(tmp_path / "data", count=20, seed=0, figures=(1,))
    trained, tested = (list(read_records(path).images.values()) for path in (train, test))
    with Image.open(trained[2]) as first, Image.open(trained[5]) as second:
        first.resize((first.width // 2, first.height // 2)).resize(first.size).save(tested[1])
        ImageOps.mirror(second).point(lambda value: 0.7 * value).save(tested[3])
    return train, test


def test_near_duplicates_are_removed(halves, tmp_path, capsys):
    train, test = halves
    out = tmp_path / "new" / "apart.json"
    assert leave_out_twins.main([str(test), "--train", str(train), "--count", "2", "--out", str(out)]) == 0
    before, after = read_records(test), read_records(out)
    gone = [key for key in before.images if key not in after.images]
    assert gone == [list(before.images)[i] for i in (1, 3)]
    assert len(after.records) == len(before.records) - 2
    assert after.records[0].image_path.is_file()
    alike, other = (float(word) for word in capsys.readouterr().out.split() if word[0] in "01" and "." in word)
    assert alike > 0.95 > other


def test_similarity_is_a_correlation():
    rng = np.random.default_rng(0)
    test = rng.standard_normal((3, 24, 24)).astype(np.float32)
    test -= test.mean(axis=(1, 2), keepdims=True)
    test /= np.linalg.norm(test, axis=(1, 2), keepdims=True)
    train = np.stack([test[1], test[2, :, ::-1]])
    assert leave_out_twins.similarity(test, train) == pytest.approx([0, 1, 1], abs=0.15)


@pytest.mark.parametrize("count", ["0", "999"])
def test_some_images_must_be_kept_and_some_removed(halves, tmp_path, capsys, count):
    train, test = halves
    out = tmp_path / "apart.json"
    assert leave_out_twins.main([str(test), "--train", str(train), "--count", count, "--out", str(out)]) == 2
    assert "--count must leave some" in capsys.readouterr().err and not out.exists()


def test_a_malformed_set_is_reported(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps({}))
    arguments = [str(tmp_path / "a.json"), "--train", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.json")]
    assert leave_out_twins.main(arguments) == 2
    assert "error: " in capsys.readouterr().err
