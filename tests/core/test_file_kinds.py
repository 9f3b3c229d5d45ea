import pytest

from unipose.core.file_kinds import IMAGE_FORMATS, image_format, other_kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"RIFF\4\0\0\0WEBP", "WEBP"),
        (b"BM", "BMP"),
        (b"MM\0*", "TIFF"),
        (b"RIFF\4\0\0\0AVI ", None),
        (b"", None),
    ],
)
def test_image_formats_are_known_by_their_first_bytes(data, kind):
    assert image_format(data) == kind
    assert kind is None or kind in IMAGE_FORMATS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a", "`unipose video` reads it"),
        (b"\0\0\0\x1cftypavif", "AVIF picture: convert it"),
        (b"\0\0\0\x18ftypheic", "HEIC picture: convert it"),
        (b"\0\0\0\x18ftypmif1", "HEIC picture: convert it"),
        (b"\0\0\0\x20ftypisom", "MP4 or MOV video"),
        (b"\0\0\0\x08wide", "MP4 or MOV video"),
        (b"\x1aE\xdf\xa3", "Matroska or WebM video"),
        (b"RIFF\4\0\0\0AVI LIST", "AVI video"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns=", "XML"),
        (b"<!DOCTYPE html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "macOS"),
        (b"PK\3\4", "archive"),
    ],
)
def test_other_files_are_told_by_their_first_bytes(data, words):
    assert image_format(data) is None and words in other_kind(data)


@pytest.mark.parametrize("data", [b"hello", b"\0" * 64, b"RIFF\4\0\0\0WAVE"])
def test_what_is_unknown_stays_so(data):
    assert other_kind(data) is None
