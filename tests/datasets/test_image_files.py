"""Images of label files: found wherever tools put them and however they name them, and of the size that labels say."""

import json
import os
import re
import shutil
import unicodedata
from urllib.parse import quote

import pytest
from PIL import Image

from tests.support.image_files import encoded, exif_orientation
from tests.support.label_sets import write_set
from unipose.datasets.image_files import spellings
from unipose.datasets.records import read_records


def rename(content, name, file_name=None):
    """Image 3 is called so, in its folder and, unless that is said otherwise, in the labels."""
    content["images"][0]["file_name"] = file_name or name


NAMES = {  # on disk, and in the labels where they differ
    "a folder in a folder": ("a/b c/3.png", None),
    "spaces": ("my photo (1).png", None),
    "brackets": ("[3] {a}.png", None),
    "a percent sign": ("100%.png", None),
    "percent that is no escape": ("%41.png", None),
    "glob characters": ("a*b?.png", None),
    "Windows": ("train/day 1/3.png", "train\\day 1\\3.png"),
    "a backslash in a name": ("a\\b.png", None),
    "an address": ("my photo #1.png", quote("my photo #1.png")),
    "composed here, decomposed there": ("Jos\u00e9/\u00fc.png", unicodedata.normalize("NFD", "Jos\u00e9/\u00fc.png")),
    "decomposed here, composed there": (unicodedata.normalize("NFD", "Jos\u00e9/\u00fc.png"), "Jos\u00e9/\u00fc.png"),
    "both in one": ("Jos\u00e9/u\u0308.png", "Jose\u0301/\u00fc.png"),
    "Chinese": ("照片/三.png", None),
    "from the folder's parent": ("../elsewhere/3.png", None),
    "with a dot": ("./3.png", None),
}


@pytest.mark.parametrize(("name", "listed"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("image_root", [None, "images", "sub/../images", "ABSOLUTE"])
def test_images_by_their_names(tmp_path, name, listed, image_root):
    folder = tmp_path / "set" / ("images" if image_root else "")

    def spoil(content):
        rename(content, name, listed)
        if image_root:
            content["info"]["image_root"] = str(folder) if image_root == "ABSOLUTE" else image_root

    path = write_set(tmp_path / "set", spoil)
    (tmp_path / "set" / "sub").mkdir()
    for image in [*path.parent.glob("*.png")]:
        target = folder / (name if image.name == "3.png" else image.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(image, target)
    assert read_records(path).records[0].image_path.samefile(folder / name)


LAYOUTS = {  # of the labels, and the folder of the images
    "beside": ("_annotations.coco.json", "."),
    "in a folder": ("result.json", "images"),
    "COCO's": ("annotations/person_keypoints_val2017.json", "val2017"),
    "COCO's, in images": ("annotations/person_keypoints_val2017.json", "images/val2017"),
    "a task's": ("annotations/person_keypoints_default.json", "images/default"),
    "two folders": ("labels/train.json", "images"),
    "the folder above": ("labels/train.json", "."),
}


@pytest.mark.parametrize(("labels", "folder"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_file_that_does_not_say_where_its_images_are(tmp_path, labels, folder):
    path = write_set(tmp_path / folder)
    (tmp_path / labels).parent.mkdir(parents=True, exist_ok=True)
    path.rename(tmp_path / labels)
    assert [record.image_path.resolve() for record in read_records(tmp_path / labels).records] == [
        (tmp_path / folder / name).resolve() for name in ("3.png", "3.png", "5.png")
    ]


def test_linked_folders_and_files(tmp_path):
    """A link to the images' folder, to the folder of all, and to the labels alone, which are beside their images."""
    path = write_set(tmp_path / "disk" / "images", name="set.json")
    moved = path.rename(tmp_path / "disk" / "set.json")
    places = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    places[0].mkdir()
    places[0].joinpath("images").symlink_to(tmp_path / "disk" / "images")
    shutil.copy(moved, places[0] / "set.json")
    places[1].symlink_to(tmp_path / "disk")
    places[2].mkdir()
    places[2].joinpath("set.json").symlink_to(moved)
    for place in places:
        assert len(read_records(place / "set.json").records) == 3


WINDOWS, ADDRESS = r"C:\Users\me\set\3.png", "https://labels.example/data/upload/3.png"
MISSING = {
    "of this system": ("/home/me/3.png", "names the image /home/me/3.png, which does not exist; file_name is to be"),
    "of Windows": (WINDOWS, "which does not exist; file_name is to be relative to the images' folder"),
    "of the web": (ADDRESS, "which does not exist; file_name is to be relative to the images' folder"),
    "in capitals": ("3.PNG", "which does not exist; did you mean 3.png?"),
    "in another format": ("3.jpg", "which does not exist; did you mean 3.png?"),
    "of another set": ("IMG_2034.jpg", "which does not exist; info.image_root is to say in which folder the images"),
    "of a folder": ("3.png/x.png", "which does not exist"),
    "too long": ("x" * 300 + ".png", "File name too long"),
    "no text": ("\ud83d.png", "needs a file_name, which is text"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "message"), MISSING.values(), ids=MISSING)
def test_an_image_that_is_not_there_is_named_with_what_would_be_right(tmp_path, name, message):
    path = write_set(tmp_path, lambda content: rename(content, name))
    with pytest.raises((ValueError, OSError)) as error:
        read_records(path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_only_images_of_people_must_be_there(tmp_path):
    path = write_set(tmp_path)
    (tmp_path / "9.png").unlink()
    found = read_records(path)
    assert len(found.records) == 3
    with pytest.raises(FileNotFoundError, match=r"set.json names the image .*9.png, which does not exist"):
        found.require_images()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "3.png is not a readable image (JPEG, PNG, WEBP, BMP, TIFF)"),
        (b"<html>not found</html>", "3.png is not a readable image"),
        (b"GIF89a" + bytes(20), "3.png is not a readable image"),
        (encoded(Image.new("RGB", (64, 80)), "PNG")[:20], "3.png is not a readable image"),
        (encoded(Image.new("RGB", (32, 40)), "PNG"), "3.png is (32, 40), its labels say (64, 80)"),
        (encoded(Image.new("1", (8000, 8000)), "PNG"), "3.png has 8000 x 8000 pixels; at most 50,000,000 are accepted"),
    ],
    ids=["empty", "a page", "another format", "cut off", "another size", "too large"],
)
def test_a_file_that_is_not_the_image_is_named_before_anything_is_done(tmp_path, data, message):
    path = write_set(tmp_path)
    (tmp_path / "3.png").write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_records(path)
    assert str(error.value).startswith(f"{path}: image ")


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("labelled", ["as stored", "upright", "unsaid"])
def test_a_photo_that_readers_turn_is_labelled_upright_or_refused(tmp_path, orientation, labelled):
    """Where sides trade places the labels' size tells; where it does not, nobody knows what was labelled."""
    stored = (80, 64) if orientation in (5, 6, 7, 8) else (64, 80)  # upright it is (64, 80)
    size = {"as stored": stored, "upright": (64, 80), "unsaid": (None, None)}[labelled]

    def spoil(content):
        content["images"][0] |= {"width": size[0], "height": size[1]}

    path = write_set(tmp_path, spoil)
    photo = Image.new("RGB", stored)
    (tmp_path / "3.png").write_bytes(encoded(photo, "JPEG", exif=exif_orientation(orientation)))
    if orientation in (0, 1, 9) or (orientation in (5, 6, 7, 8) and labelled == "upright"):
        assert read_records(path).sizes_wh[3] == (64, 80)
    else:
        with pytest.raises(
            ValueError, match=f"3.png has EXIF orientation {orientation}; store it upright without EXIF"
        ):
            read_records(path)


@pytest.mark.parametrize("name", ["3.png", "a\\b.png", "a%20b.png"])
def test_a_name_is_first_what_it_says(name):
    assert next(iter(spellings(name))) == name


def test_a_locale_that_is_not_utf_8(tmp_path, run_ascii):
    """Names in the labels are found, and those of the command line."""
    path = write_set(tmp_path / "Jos\u00e9", lambda content: rename(content, "\u00fc \u4e09.png"), "s\u00e9t.json")
    (path.parent / "3.png").rename(path.parent / "\u00fc \u4e09.png")
    code = (
        "import sys; from unipose.datasets.records import read_records; print(len(read_records(sys.argv[1]).records))"
    )
    assert run_ascii("-c", code, os.fspath(path)) == "3\n"
    assert json.loads(path.read_bytes())["images"][0]["file_name"] == "\u00fc \u4e09.png"
