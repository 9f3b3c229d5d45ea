"""File kinds: what a picture or video is by its first bytes, and by its name where a folder is searched."""

# The first bytes of each supported image format, and Pillow's name for it.
SIGNATURES: dict[bytes, str] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"RIFF": "WEBP",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
IMAGE_FORMATS = ", ".join(dict.fromkeys(SIGNATURES.values()))
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff")
# Pictures too, but not read: among others they are told, not passed over.
UNREAD_SUFFIXES = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif")
VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".vob", ".wmv", ".asf", ".flv", ".f4v",
    ".3gp", ".3g2", ".ts", ".mts", ".m2ts", ".ogv", ".mxf", ".dv", ".gif", ".apng",
)  # fmt: skip
_CONVERT, _VIDEO = "convert it to JPEG or PNG", "`unipose video` reads it"
# Where in a file which bytes say that it is what; the first that fits.
_OTHERS: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"GIF8",), f"a GIF: {_VIDEO}"),
    (4, (b"ftypavif", b"ftypavis"), f"an AVIF picture: {_CONVERT}"),
    (
        4, tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")),
        f"a HEIC picture: {_CONVERT}",
    ),
    (4, (b"ftyp", b"moov", b"mdat", b"wide"), f"an MP4 or MOV video: {_VIDEO}"),
    (0, (b"\x1aE\xdf\xa3",), f"a Matroska or WebM video: {_VIDEO}"),
    (8, (b"AVI ",), f"an AVI video: {_VIDEO}"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), f"a JPEG XL picture: {_CONVERT}"),
    (0, (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "), f"a JPEG 2000 picture: {_CONVERT}"),
    (0, (b"8BPS",), f"a Photoshop file: {_CONVERT}"),
    (0, (b"%PDF",), f"a PDF: {_CONVERT}"),
    (0, (b"<?xml", b"<svg"), f"XML, as of a drawing: {_CONVERT}"),
    (0, (b"<!doctype html", b"<html"), "a web page, as a download that failed leaves it"),
    (0, (b"version https://git-lfs",), "a Git LFS pointer: `git lfs pull` fetches the file itself"),
    (0, (b"\0\5\x16\7",), "what macOS notes about a file, not the file"),
    (0, (b"PK\3\4", b"Rar!", b"7z\xbc\xaf"), "an archive: unpack it"),
)  # fmt: skip


def image_format(data: bytes) -> str | None:
    """The format that the first bytes indicate, by Pillow's name, or None."""
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature) and (kind != "WEBP" or data[8:12] == b"WEBP"):
            return kind
    return None


def other_kind(data: bytes) -> str | None:
    """What a file of no supported image format is by its first bytes, and what to do with it; None where unknown."""
    if not data:
        return "empty"
    head = data[:64].lower()
    for start, signatures, kind in _OTHERS:
        if any(head.startswith(signature.lower(), start) for signature in signatures):
            return kind
    return None
