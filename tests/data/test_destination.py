import json
from pathlib import Path

import clean_labels
import leave_out_twins
import make_sample
import prepare_coco
import prepare_jhmdb
import prepare_lsp
import prepare_mpii
import prepare_penn_action
import pseudo_label
import pytest
from destination import Destination
from source import Source

from tests.data import test_prepare_coco as coco
from tests.data import test_prepare_jhmdb as jhmdb
from tests.data import test_prepare_lsp as lsp
from tests.data import test_prepare_mpii as mpii
from tests.data import test_prepare_penn_action as penn
from tests.support.archives import unzipped, zipped
from unipose.core.skeleton import SKELETONS
from unipose.datasets.coco_json import document, image_entry
from unipose.datasets.synthetic.images import draw_sample

IMAGES = {"set/pictures/a.jpg": b"picture a", "set/pictures/b.jpg": b"picture b"}
CONTENT = document(SKELETONS["lsp14"], [image_entry(1, "a.jpg", (4, 3))], [], "nobody", ".", complete=True)
INPUT, OTHER = "would overwrite what it is made from", "exists, and UniPose did not make it"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(source: Path, out: Path, force: bool = False) -> str:
    opened, destination = Source(source), Destination(out, force)
    for name in IMAGES:
        opened.read(name)
    root = destination.add_images(opened, "set/pictures", ["a.jpg", "b.jpg"])
    assert destination.add_labels("train.json", CONTENT) == out / "train.json"
    destination.write([])
    return root


def test_images_of_a_zip_are_unpacked_and_the_same_again_replaces_nothing(tmp_path):
    source, out = zipped(tmp_path / "set.zip", IMAGES), tmp_path / "new" / "out"
    for _ in range(2):
        assert write(source, out) == "images"
        images = {"images/a.jpg": b"picture a", "images/b.jpg": b"picture b"}
        assert contents(out) == images | {"train.json": (json.dumps(CONTENT) + "\n").encode()}


def test_images_of_a_folder_stay(tmp_path):
    assert write(unzipped(tmp_path / "source", IMAGES), tmp_path / "out") == "../source/set/pictures"
    assert list(contents(tmp_path / "out")) == ["train.json"]


@pytest.mark.parametrize("name", ["train.json", "images/b.jpg"])
def test_another_file_stays_unless_forced_and_nothing_is_written_beside_it(tmp_path, name):
    source, out = zipped(tmp_path / "set.zip", IMAGES), tmp_path / "out"
    unzipped(out, {name: b"mine"})
    with pytest.raises(ValueError, match=f"{name} {OTHER}"):
        write(source, out)
    assert contents(out) == {name: b"mine"}
    write(source, out, force=True)
    assert len(contents(out)) == 3 and contents(out)[name] != b"mine"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("pack", "target"), [(zipped, "source"), (unzipped, "source/set/pictures/a.jpg")])
def test_an_input_is_never_replaced(tmp_path, pack, target, force):
    source, out = pack(tmp_path / "source", IMAGES), tmp_path / "out"
    out.mkdir()
    (out / "train.json").symlink_to(tmp_path / target)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=INPUT):
        write(source, out, force)
    assert contents(tmp_path) == before


def lsp_set(folder: Path) -> Path:
    return unzipped(folder, lsp.files(lsp.lsp(lsp.joints())))


def mpii_set(folder: Path) -> Path:
    return unzipped(folder, {mpii.LABELS: json.dumps([mpii.person()]).encode(), mpii.PICTURE: mpii.JPEG})


def coco_set(folder: Path) -> Path:
    return unzipped(folder, {coco.LABELS: coco.WHOLE, coco.PICTURE: coco.jpeg()})


def penn_set(folder: Path) -> Path:
    penn.write_clip(folder, 1, 2, train=1)
    penn.write_clip(folder, 2, 2, train=-1)
    return folder


def jhmdb_set(folder: Path) -> Path:
    jhmdb.write_clip(folder, "run", "one", 2)
    return folder


SCRIPTS = [
    (prepare_lsp, lsp_set, "train.json"), (prepare_lsp, lsp_set, "test.json"), (prepare_mpii, mpii_set, "valid.json"),
    (prepare_coco, coco_set, "val2017.json"), (prepare_penn_action, penn_set, "test.json"),
    (prepare_jhmdb, jhmdb_set, "clips.json"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """An LSP of four images."""
    monkeypatch.setattr(prepare_lsp, "LSP_COUNTS", (4,))
    monkeypatch.setattr(prepare_lsp, "LSP_TRAIN", 3)


def refuses(script, command, folder, capsys, message):
    """In one line, and leaves every file as it is."""
    before = contents(folder)
    assert script.main([str(word) for word in command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert contents(folder) == before


@pytest.mark.parametrize(("script", "make", "name"), SCRIPTS)
def test_no_preparation_replaces_a_foreign_file_or_its_source(tmp_path, capsys, script, make, name):
    source, out = make(tmp_path / "source"), tmp_path / "out"
    command = [source, "--out", out]
    unzipped(out, {name: b'{"images": "mine"}'})
    refuses(script, command, tmp_path, capsys, f"{name} {OTHER}")
    (out / name).unlink()
    (out / name).hardlink_to(next(path for path in source.rglob("*.*") if path.is_file()))
    refuses(script, [*command, "--force"], tmp_path, capsys, INPUT)
    (out / name).unlink()
    for _ in range(2):  # its own are replaced
        assert script.main([str(word) for word in command]) == 0
    capsys.readouterr()


def test_mpiis_labels_are_not_replaced_in_their_own_folder(tmp_path, capsys):
    source = mpii_set(tmp_path / "source")
    out = source / "mpii" / "annotations"
    for force in ([], ["--force"]):
        refuses(prepare_mpii, [source, "--out", out, *force], tmp_path, capsys, f"valid.json {INPUT}")


@pytest.mark.parametrize("options", [[], ["--frames", "2"]])
@pytest.mark.parametrize("name", ["test.json", "images/{image}"])
def test_a_drawn_set_replaces_drawn_files_alone(tmp_path, capsys, options, name):
    name = name.format(image="0003/000002.jpg" if options else "00003.jpg")
    command = ["--out", tmp_path, "--count", 5, "--width", 80, "--height", 64, *options]
    unzipped(tmp_path, {name: b"mine"})
    refuses(make_sample, command, tmp_path, capsys, f"{name} {OTHER}")
    assert make_sample.main([*map(str, command), "--force"]) == 0
    assert make_sample.main([*map(str, command), "--seed", "1"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("script", "target"),
    [
        (clean_labels, "train.json"),
        (clean_labels, "images/00002.jpg"),
        (clean_labels, "theirs.json"),
        (leave_out_twins, "train.json"),
        (leave_out_twins, "test.json"),
        (leave_out_twins, "theirs.json"),
    ],
)
def test_changed_labels_replace_neither_a_set_they_are_made_from_nor_a_foreign_file(tmp_path, capsys, script, target):
    train, test = draw_sample(tmp_path, count=5)
    (tmp_path / "theirs.json").write_text("[1]")
    command = ["default", train] if script is clean_labels else [test, "--train", train, "--count", 1]
    command += ["--out", tmp_path / target]
    if target == "theirs.json":
        refuses(script, command, tmp_path, capsys, f"{target} {OTHER}")
    else:
        for force in ([], ["--force"]):
            refuses(script, [*command, *force], tmp_path, capsys, f"{target} {INPUT}")


@pytest.mark.parametrize("name", ["train.json", "images/2.jpg"])
def test_labels_of_a_model_replace_no_foreign_file_and_not_their_boxes(tmp_path, capsys, name):
    train, _ = draw_sample(tmp_path / "drawn", count=5)
    unzipped(tmp_path / "out", {name: b"mine"})
    refuses(pseudo_label, [train, "--out", tmp_path / "out", "--stretched"], tmp_path, capsys, f"{name} {OTHER}")
    for force in ([], ["--force"]):
        refuses(pseudo_label, [train, "--out", train.parent, *force], tmp_path, capsys, f"train.json {INPUT}")
