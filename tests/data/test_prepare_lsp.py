import io
import json

import numpy as np
import prepare_lsp
import pytest
from PIL import Image
from scipy.io import savemat

from tests.support.archives import unzipped, zipped
from tests.support.image_files import encoded, exif_orientation
from unipose.datasets.records import read_records

SIZE_WH = (40, 60)


@pytest.fixture
def script(monkeypatch):
    """The script, for sets of 4 images, the first 3 of which are LSP's train half."""
    for name, value in (("LSP_COUNTS", (4,)), ("LSP_TRAIN", 3), ("LSPET_COUNT", 4)):
        monkeypatch.setattr(prepare_lsp, name, value)
    return prepare_lsp


def jpeg(orientation: int = 1) -> bytes:
    return encoded(Image.new("RGB", SIZE_WH), "JPEG", exif=exif_orientation(orientation))


def mat(joints) -> bytes:
    file = io.BytesIO()
    savemat(file, {"joints": joints})
    return file.getvalue()


def joints(flag: float = 0.0) -> np.ndarray:
    """(4, 14, 3): joint k of image i at (10 + k, 20 + 2 k + i)."""
    k, i = np.arange(14), np.arange(4)[:, None]
    return np.stack(np.broadcast_arrays(10.0 + k, 20.0 + 2 * k + i, flag), axis=2)


def lsp(values) -> bytes:
    return mat(values.transpose(2, 1, 0))


def lspet(values) -> bytes:
    return mat(values.transpose(1, 2, 0))


def files(joints_mat: bytes, digits: int = 4) -> dict[str, bytes]:
    return {"set/joints.mat": joints_mat, **{f"set/images/im{i:0{digits}d}.jpg": jpeg() for i in range(1, 5)}}


@pytest.mark.parametrize("pack", [zipped, unzipped])
def test_lsp_flags_say_what_is_occluded(script, tmp_path, pack, capsys):
    values = joints()
    values[1, 5, 2] = 1
    out = tmp_path / "out"
    assert script.main([str(pack(tmp_path / "lsp", files(lsp(values)))), "--out", str(out)]) == 0
    assert "train.json 3, test.json 1 images; 56 joints, 0 more dropped" in capsys.readouterr().out
    assert (out / "images").exists() == (pack is zipped)
    train, test = read_records(out / "train.json"), read_records(out / "test.json")
    assert [r.image_path.name for r in (*train.records, *test.records)] == [f"im000{i}.jpg" for i in range(1, 5)]
    assert np.stack([r.labelled for r in train.records]).all()
    assert np.argwhere(~np.stack([r.visible for r in train.records])).tolist() == [[1, 5]]
    np.testing.assert_array_equal(test.records[0].xy_image, values[3, :, :2])


def test_lspet_flags_say_what_is_labelled(script, tmp_path):
    values = joints(flag=1.0)
    values[2, 4] = np.nan, -250.0, 0.0
    values[3, 6:8] = [[300, 30, 1], [-1.5, 30, 1]]  # far outside, and as far as a click can stray
    out = tmp_path / "out"
    assert script.main([str(zipped(tmp_path / "a.zip", files(lspet(values), 5))), "--out", str(out)]) == 0
    train = read_records(out / "train.json").records
    assert np.argwhere(~np.stack([r.labelled for r in train])).tolist() == [[2, 4], [3, 6]]
    assert all(r.visible.tolist() == r.labelled.tolist() for r in train)
    person = json.loads((out / "train.json").read_text())["annotations"][2]
    assert person["keypoints"][12:15] == [0, 0, 0]
    assert person["num_keypoints"] == 13
    assert not (out / "test.json").exists()


def test_the_box_is_the_padded_extent_clipped_to_the_image(script, tmp_path):
    script.main([str(zipped(tmp_path / "a.zip", files(lsp(joints())))), "--out", str(tmp_path / "out")])
    [record] = read_records(tmp_path / "out" / "test.json").records
    # Pixels 10 to 23 and 23 to 49 are edges 10 to 24 and 23 to 50; 15 % of 27 is 4.05.
    np.testing.assert_allclose(record.box_xyxy, (5.95, 18.95, 28.05, 54.05))


def change(**changes):
    """A set with some files changed (or, at None, left out)."""
    renamed = {name.replace("__", "."): data for name, data in changes.items()}
    content = files(lsp(joints())) | {f"set/{n if 'mat' in n else 'images/' + n}": d for n, d in renamed.items()}
    return {name: data for name, data in content.items() if data is not None}


def put(index, value) -> bytes:
    values = joints()
    values[index] = value
    return lsp(values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change(im0003__jpg=None), "set/images/im0003.jpg is missing"),
        (change(im0005__jpg=jpeg()), "set/images/im0005.jpg has no labels"),
        (change(im0002__jpg=b"\xff\xd8\xff nonsense"), "set/images/im0002.jpg is not a readable image"),
        (change(im0002__jpg=jpeg(6)), "set/images/im0002.jpg has EXIF orientation 6"),
        (change(joints__mat=None), "exactly one joints.mat"),
        (change(joints__mat=b"not a matrix"), "set/joints.mat is not a MATLAB file"),
        (
            change(joints__mat=mat(np.zeros((14, 2, 4)))),
            "must be (3, 14, N), LSP, or (14, 3, N), LSPET, got (14, 2, 4)",
        ),
        (change(joints__mat=lsp(joints()[:3])), "joints.mat describes 3 images, LSP has 4"),
        (change(joints__mat=put((1, 3, 0), np.inf)), "set/joints.mat has a coordinate that is not finite, image 2"),
        (change(joints__mat=put((1, 3, 2), 2)), "set/joints.mat has flags other than 0 and 1"),
    ],
)
@pytest.mark.parametrize("pack", [zipped, unzipped])
def test_damaged_input_is_refused_by_name(script, tmp_path, refused, pack, content, message):
    refused(script.main, pack(tmp_path / "lsp", content), message)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "not a whole zip file"),
        (lambda data: data.replace(jpeg()[100:], jpeg()[100:-4] + b"gone", 1), "set/images/im0001.jpg is damaged"),
    ],
)
def test_a_damaged_zip_is_refused(script, tmp_path, capsys, damage, message):
    source = zipped(tmp_path / "lsp.zip", files(lsp(joints())))
    source.write_bytes(damage(source.read_bytes()))
    assert script.main([str(source), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_source_is_refused(script, tmp_path, capsys):
    assert script.main([str(tmp_path / "lsp.zip"), "--out", str(tmp_path / "out")]) == 2
    assert "lsp.zip: no such zip file or folder" in capsys.readouterr().err


def test_the_real_lsp(script, tmp_path, real_data, monkeypatch):
    monkeypatch.setattr(script, "LSP_COUNTS", (2000, 1500))
    monkeypatch.setattr(script, "LSP_TRAIN", 1000)
    for out in ("a", "b"):
        assert script.main([str(real_data / "lsp_dataset.zip"), "--out", str(tmp_path / out)]) == 0
    train, test = read_records(tmp_path / "a" / "train.json"), read_records(tmp_path / "a" / "test.json")
    assert len(train.records) == 1000
    assert len(test.records) in (500, 1000)
    assert test.records[0].image_path.name == "im1001.jpg"
    records = (*train.records, *test.records)
    assert all(r.labelled.all() for r in records)
    # Most joints of a photograph can be seen: had the flag been read the wrong way round, most could not.
    assert 0.9 < np.mean([r.visible for r in records]) < 0.95
    for half in ("train.json", "test.json"):
        assert (tmp_path / "a" / half).read_bytes() == (tmp_path / "b" / half).read_bytes()


def test_the_real_lspet_has_unlabelled_joints(script, real_data):
    source = script.Source(real_data / "lspet_dataset.zip")
    kind, xy_image, visibility = script.read_joints(source, "joints.mat")
    assert (kind, xy_image.shape) == ("LSPET", (10_000, 14, 2))
    assert np.count_nonzero(visibility == 2) == 123_213
    assert np.count_nonzero(visibility == 1) == 0
    assert (xy_image[visibility == 2] > -2).all()  # garbage reaches -322
