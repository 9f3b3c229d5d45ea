"""Sources: zips and folders as people have them, and members that would leave the folder they are unpacked to."""

import os
import stat
import struct
import unicodedata
import zipfile

import pytest
from destination import Destination
from PIL import Image
from source import Source

from tests.support.archives import unzipped, zipped
from tests.support.image_files import encoded

PICTURE = encoded(Image.new("RGB", (6, 4)), "PNG")


def linked(path):
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("images/a.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
    return path


LEAVING = [
    "../evil.png", "images/../../evil.png", "/tmp/evil.png", "//host/share/evil.png", "C:/evil.png", "c:evil.png",
    "..\\evil.png", "images\\..\\..\\evil.png", "C:\\evil.png", "\\evil.png",
]  # fmt: skip


@pytest.mark.parametrize("name", LEAVING)
def test_a_member_that_leaves_the_folder_is_refused(tmp_path, name):
    path = zipped(tmp_path / "a.zip", {"images/a.png": PICTURE, name: PICTURE})
    with pytest.raises(
        ValueError, match=r"a.zip: '.*evil.png' is a link, or leads out of the folder it is unpacked to"
    ):
        Source(path)


def test_a_member_that_is_a_link_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a.zip: 'images/a.png' is a link, or leads out"):
        Source(linked(tmp_path / "a.zip"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("pack", [zipped, unzipped])
def test_files_are_found_by_their_names_however_they_are_written(tmp_path, form, separator, pack):
    name = unicodedata.normalize(form, "s\u00e9t/Jos\u00e9 [1] 100%.png")
    files = {name.replace("/", separator) if pack is zipped else name: PICTURE}
    source = Source(pack(tmp_path / "a.zip", files))
    folder = source.find_root(["Jos\u00e9 [1] 100%.png"], "s\u00e9t")
    assert folder == "s\u00e9t"
    for spelling in ("Jos\u00e9 [1] 100%.png", unicodedata.normalize("NFD", "Jos\u00e9 [1] 100%.png")):
        own = source.name_of(folder, spelling)
        assert source.image_size(f"{folder}/{own}", (6, 4)) == (6, 4)
        destination = Destination(tmp_path / "out", force=False)
        root = destination.add_images(source, folder, [own])
        destination.write([])
        assert (tmp_path / "out" / root / own).is_file() or pack is unzipped


def test_linked_folders_are_read_and_a_circle_has_an_end(tmp_path):
    unzipped(tmp_path / "disk", {"a.png": PICTURE})
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("train2017", "val2017"):
        (folder / name).symlink_to(tmp_path / "disk")
    (folder / "again").symlink_to(folder)
    assert {"train2017/a.png", "val2017/a.png"} <= Source(folder).names
    assert len(Source(folder).names) == 2


def test_the_way_to_images_is_the_real_one(tmp_path):
    """From a folder that is a link, ../ leads elsewhere than it seems."""
    folder = unzipped(tmp_path / "set", {"images/a.png": PICTURE})
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "deep" / "er")
    root = Destination(tmp_path / "out", force=False).add_images(Source(folder), "images", ["a.png"])
    assert (tmp_path / "out" / root / "a.png").is_file() and not os.path.isabs(root)


def with_flags(data: bytes, offset: int, value: int) -> bytes:
    """A zip of one member with two bytes of its two headers changed; `offset` from the header's version."""
    for signature, start in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        at = data.index(signature) + start + offset
        data = data[:at] + struct.pack("<H", value) + data[at + 2 :]
    return data


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [(2, 1, "a.png cannot be unpacked .*password"), (4, 99, "a.png cannot be unpacked .*compression")],
    ids=["encrypted", "another compression"],
)
def test_a_zip_that_cannot_be_unpacked_is_named(tmp_path, offset, value, message):
    path = zipped(tmp_path / "a.zip", {"a.png": PICTURE})
    path.write_bytes(with_flags(path.read_bytes(), offset, value))
    with pytest.raises(ValueError, match=message) as error:
        Source(path).read("a.png")
    assert str(error.value).startswith(f"{path}: ")


def test_what_is_neither_zip_nor_folder(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"a.zip: not a whole zip file"):
        Source(tmp_path / "a.zip")
    with pytest.raises(ValueError, match=r"b.zip: no such zip file or folder"):
        Source(tmp_path / "b.zip")
