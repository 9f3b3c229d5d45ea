"""Generated hostile and unusual bodies of JSON and of videos: each with a name, its bytes, the acceptable statuses."""

import io
import json
import struct
from base64 import b64encode
from collections.abc import Iterator

import av
import numpy as np

from tests.support.bright_service import photo, spot
from tests.support.wire import request

PHOTO = b64encode(photo()).decode()
INFER = b"/v2/models/bright/infer"
FILE = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [PHOTO]}
WRONG_JSON = {
    "nothing": "", "null": "null", "a list": "[]", "a number": "1", "a string": '"image"', "half an object": '{"image',
    "no field": "{}", "10,000 braces": '{"image":' * 10_000, "10,000 brackets": '{"image":' + "[" * 10_000,
    "two objects": '{"image": ""} {}', "a comment": "{} // none", "a byte order mark": "\ufeff{}",
    "a null character": '{"image": "\\u0000"}', "a lone surrogate": '{"image": "\\ud800"}',
    "a number of 5,000 digits": '{"image": ' + "9" * 5000 + "}",
    "10,000 names": json.dumps(dict.fromkeys(map(str, range(10_000)), 1)),
    "an address": '{"image": "http://127.0.0.1/photo.jpg"}', "a file's": '{"image": "file:///etc/passwd"}',
    "a path": '{"image": "/etc/passwd"}', "an image twice removed": '{"image": {"image": ""}}',
    "another prototype": '{"__proto__": {"image": ""}}', "a script": '{"<script>": 1}',
}  # fmt: skip
KINDS = {"mp4": "libx264", "mov": "mpeg4", "matroska": "libx264", "webm": "libvpx", "avi": "mjpeg"}


def bodies() -> Iterator[tuple[str, bytes, tuple[int, ...]]]:
    kind = b"Content-Type: application/json"
    yield "an image in JSON", request(b"POST /pose", json.dumps({"image": PHOTO}).encode(), kind), (200,)
    yield "an image for KServe", request(b"POST " + INFER, json.dumps({"inputs": [FILE]}).encode(), kind), (200,)
    for name, text in WRONG_JSON.items():
        sent = text.encode()
        yield f"JSON that is {name}", request(b"POST /pose", sent, kind), (415, 422)
        yield f"JSON for KServe that is {name}", request(b"POST " + INFER, sent, kind), (422,)
    yield "JSON that is no UTF-8", request(b"POST /pose", b'{"image": "\xff"}', kind), (422,)
    yield "JSON for KServe that is no UTF-8", request(b"POST " + INFER, b'{"inputs": "\xff"}', kind), (422,)
    yield "JSON for KServe in UTF-16", request(b"POST " + INFER, '{"inputs": []}'.encode("utf-16"), kind), (422,)
    pixels = {"name": "image", "shape": [250, 250, 3], "datatype": "UINT8", "data": [7] * 187_500}
    yield "a tensor of pixels", request(b"POST " + INFER, json.dumps({"inputs": [pixels]}).encode(), kind), (200,)
    tensor = json.dumps({"inputs": [pixels]}, separators=(",", ":")).encode()
    yield "a tensor of pixels, written closely", request(b"POST " + INFER, tensor, kind), (200,)
    larger = tensor.replace(b"7,", b"  7,")
    yield "a tensor of spaces", request(b"POST " + INFER, larger, kind), (413,)
    deep = json.dumps({"inputs": [pixels | {"data": json.loads("[" * 400 + "]" * 400)}]}).encode()
    yield "a tensor 400 deep", request(b"POST " + INFER, deep, kind), (422,)
    yield "a tensor of very many", request(b"POST " + INFER, tensor.replace(b"250", b"9" * 300), kind), (413, 422)


def film(kind: str, count: int = 8) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as out:
        stream = out.add_stream(KINDS[kind], rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p" if KINDS[kind] == "mjpeg" else "yuv420p"
        for i in range(count):
            grey = np.repeat(spot((96, 64), (30 + i, 30))[..., None], 3, 2)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


def videos() -> Iterator[tuple[str, bytes]]:
    """Names and files."""
    random = np.random.default_rng(11)
    for kind in KINDS:
        whole = film(kind)
        yield kind, whole
        for tenth in range(1, 10):
            yield f"{kind} cut at {tenth}0%", whole[: len(whole) * tenth // 10]
        for number in range(10):
            data = bytearray(whole)
            for place in random.integers(0, len(data) if number % 2 else 300, 6):
                data[place] ^= 1 << random.integers(8)
            yield f"{kind} with bits flipped {number}", bytes(data)
    mp4 = film("mp4")
    for mark in (b"moov", b"trak", b"stbl", b"stsz", b"stts", b"stco", b"avcC"):
        at = mp4.index(mark)
        yield f"{mark.decode()} of 4 GB", mp4[: at - 4] + struct.pack(">I", 2**32 - 1) + mp4[at:]
    at = mp4.index(b"stsz") + 12
    yield "two billion frames", mp4[:at] + struct.pack(">I", 2**31 - 1) + mp4[at + 4 :]
    at = mp4.index(b"avc1\0\0\0\0") + 28
    yield "65,535 x 65,535 by the header", mp4[:at] + b"\xff" * 4 + mp4[at + 4 :]
    yield "boxes in boxes", mp4[:32] + b"".join(struct.pack(">I", 8 * (5000 - i)) + b"moov" for i in range(5000))
    yield "a playlist in a video's clothes", b"\0\0\0\x18ftypmp42#EXTM3U\nfile:///etc/passwd\n"
