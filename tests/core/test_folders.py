from pathlib import Path

import pytest

from unipose.core.folders import files_below, images_in, is_clutter


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def below(folder: Path, but: str = "none") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in files_below(folder, folder / but))


def test_images_in_a_folder_are_in_natural_order(tmp_path):
    names = ["frame2.PNG", "frame9.jpg", "frame010.jpg", "frame10.jpg", "frame10b.tif", "frame100.JPEG"]
    made(tmp_path, *reversed(names), "notes.txt", "frame3.mp4")
    assert [path.name for path in images_in(tmp_path)] == names
    made(tmp_path / "empty", "notes.txt")
    with pytest.raises(ValueError, match=r"empty holds no images \(JPEG, PNG, WEBP, BMP, TIFF\)"):
        images_in(tmp_path / "empty")


def test_what_systems_leave_is_no_image(tmp_path):
    made(tmp_path, "1.jpg", "._1.jpg", ".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini", "folder.jpg/1.jpg")
    assert [path.name for path in images_in(tmp_path)] == ["1.jpg"]


def test_pictures_that_are_not_read_are_not_passed_over(tmp_path):
    made(tmp_path, "1.jpg", "2.HEIC", "3.avif", "4.gif")
    (tmp_path / "5.jpg").symlink_to("none.jpg")
    assert [path.name for path in images_in(tmp_path)] == ["1.jpg", "2.HEIC", "3.avif", "4.gif", "5.jpg"]


@pytest.mark.parametrize("name", [".git", "._a.jpg", "@eaDir", "__MACOSX", "$RECYCLE.BIN", "Thumbs.db", "Desktop.ini"])
def test_clutter(name):
    assert is_clutter(name) and not is_clutter(f"a{name}")


def test_files_are_found_in_subfolders_without_clutter(tmp_path):
    made(tmp_path, "a.jpg", "b/c/d.mp4", "b/.x/e.jpg", "@eaDir/a.jpg/thumb.jpg", "b/._d.mp4")
    made(tmp_path / "out", "f.jpg", "g/h.jpg")
    assert below(tmp_path, but="out") == ["a.jpg", "b/c/d.mp4"]


def test_links_to_folders_are_followed(tmp_path):
    made(tmp_path / "disk", "1.jpg", "deep/2.jpg")
    folder = made(tmp_path / "in", "a.jpg")
    (folder / "more").symlink_to(tmp_path / "disk")
    (folder / "again").symlink_to("../disk")  # the same under another name
    assert below(folder) == ["a.jpg", "again/1.jpg", "again/deep/2.jpg"]


@pytest.mark.parametrize("target", [".", "..", "../..", "b", "b/c", "b/c/up"])
def test_circles_of_links_end_and_double_nothing(tmp_path, target):
    folder = made(tmp_path / "in", "a.jpg", "b/c/d.jpg")
    made(tmp_path, "beside.jpg")
    (folder / "b" / "c" / "up").symlink_to("../..")
    (folder / "self").symlink_to(target)
    assert below(folder) == ["a.jpg", "b/c/d.jpg"]


def test_a_link_to_a_hidden_folder_of_the_same_tree_is_followed(tmp_path):
    folder = made(tmp_path / "in", ".store/1.jpg")
    (folder / "pictures").symlink_to(".store")
    assert below(folder) == ["pictures/1.jpg"]


def test_a_link_to_the_results_is_not_followed(tmp_path):
    folder = made(tmp_path / "in", "a.jpg")
    made(tmp_path / "out", "b.jpg")
    (folder / "results").symlink_to(tmp_path / "out")
    assert sorted(files_below(folder, tmp_path / "out")) == [folder / "a.jpg"]
