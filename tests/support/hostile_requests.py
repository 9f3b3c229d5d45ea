"""Generated hostile and unusual requests: each with a name, its bytes, and the acceptable statuses."""

from collections.abc import Iterator
from urllib.parse import quote

from tests.support.bright_service import photo
from tests.support.wire import form, head, part, request

Requests = Iterator[tuple[str, bytes | list[bytes], tuple[int, ...]]]
PHOTO = photo()
IMAGE = part(b"image", PHOTO, filename=b"photo.png")
RIGHT_BOXES = ["[]", "[[20, 10, 190, 140]]", " [ [2e1,1E1,190.0,140] ]\n", "[[-1e6, -1e6, 1e6, 1e6]]", "[[0, 0, 2, 2]]"]
WRONG_BOXES = {
    "nothing": "",
    "words": "all of them",
    "an object": '{"x": 1}',
    "null": "null",
    "a number": "1",
    "a string": '"[]"',
    "one flat box": "[20, 10, 190, 140]",
    "three numbers": "[[20, 10, 190]]",
    "five numbers": "[[20, 10, 190, 140, 1]]",
    "a string in one": '[[20, 10, "190", 140]]',
    "true in one": "[[20, 10, true, 140]]",
    "null in one": "[[20, 10, null, 140]]",
    "NaN": "[[20, 10, NaN, 140]]",
    "Infinity": "[[20, 10, Infinity, 140]]",
    "-Infinity": "[[-Infinity, 10, 190, 140]]",
    "1e999": "[[20, 10, 1e999, 140]]",
    "1e308": "[[20, 10, 1e308, 140]]",
    "5,000 digits": "[[20, 10, " + "9" * 5000 + ", 140]]",
    "a very small number": "[[20, 10, 1e-999999999, 140]]",
    "hexadecimal": "[[0x14, 10, 190, 140]]",
    "a leading zero": "[[020, 10, 190, 140]]",
    "a plus": "[[+20, 10, 190, 140]]",
    "Arabic digits": "[[\u0662\u0660, 10, 190, 140]]",
    "full-width digits": "[[\uff12\uff10, 10, 190, 140]]",
    "a trailing comma": "[[20, 10, 190, 140],]",
    "two values": "[] []",
    "a comment": "[] // none",
    "single quotes": "['']",
    "reversed": "[[190, 140, 20, 10]]",
    "no area": "[[20, 10, 20, 140]]",
    "less than a pixel": "[[20, 10, 20.5, 140]]",
    "far outside": "[[900, 900, 999, 999]]",
    "left of it": "[[-99, 0, 0, 50]]",
    "10,000 brackets": "[" * 10_000,
    "10,000 of both": "[" * 10_000 + "]" * 10_000,
    "nine of them": "[" + ", ".join(["[20, 10, 190, 140]"] * 9) + "]",
    "a byte order mark": "\ufeff[]",
    "a null character": "[]\0",
    "a lone surrogate": '["\\ud800"]',
    "a script": "<script>alert(1)</script>",
}
WRONG_QUERIES = [
    "format=xml", "format=", "max_people=0", "max_people=-1", "max_people=1e3", "max_people=\u0663", "max_people=",
    "max_people=" + "9" * 5000, "score_threshold=nan", "score_threshold=inf", "score_threshold=2",
    "score_threshold=-0.1", "score_threshold=" + "1" * 400, "box=[]", "=", "\0=1", "a" * 9000,
]  # fmt: skip
FILE_NAMES = [
    b"a/../../etc/passwd", b"\xe2\x80\xae\xf0\x9f\x92\xa9", b"\xff\xfe", b"a\tb", b"", b"a" * 3000, b"'; DROP", b"a\0b",
]  # fmt: skip
FIELD_NAMES = [
    b"", b"IMAGE", b"image\0", b"ima\xffge", b"\xe2\x80\xaeimage", b"image[]", b"a" * 3000, b"__proto__", b"image\\",
]  # fmt: skip
CHARSETS = [b"undefined", b"idna", b"punycode", b"utf-7", b"utf-16", b"unicode_escape", b"zlib", b"rot13", b"\xff"]
FORM = b"multipart/form-data; boundary=b"
WRONG_FORMS = [
    b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=other",
    b"multipart/form-data; boundary=" + b"b" * 300, b"multipart/form-data;boundary=\xff", FORM + b"; boundary=c",
    b"multipart/form-data; boundary*=utf-8''b", b'multipart/form-data; boundary="b' + b'\\"' * 9000,
]  # fmt: skip
OTHER_TYPES = [
    b"image/png",
    b"",
    b"text/html",
    b"a; charset=" + b"x" * 9000,
    b"a/b/c",
    b";",
    b"\xff",
    b"multipart/mixed",
]


def boxes() -> Requests:
    for number, text in enumerate(RIGHT_BOXES):
        yield f"boxes that are right {number} in a form", form(IMAGE, part(b"boxes", text.encode())), (200,)
        yield f"boxes that are right {number} in the query", with_boxes(text.encode()), (200,)
    for what, text in WRONG_BOXES.items():
        yield f"boxes that are {what} in a form", form(IMAGE, part(b"boxes", text.encode())), (422,)
        yield f"boxes that are {what} in the query", with_boxes(text.encode()), (422,)
    yield "boxes that are no UTF-8 in a form", form(IMAGE, part(b"boxes", b"[[\xff]]")), (422,)
    yield "boxes that are no UTF-8 in the query", with_boxes(b"[[\xff]]"), (422,)
    yield "boxes of 70 kB in a form", form(IMAGE, part(b"boxes", b"[" + b"[1,2,30,40]," * 6000)), (422,)
    yield "boxes of 30 kB in the query", request(b"POST /pose?boxes=" + b"[" * 30_000, PHOTO), (422,)
    yield "boxes twice", form(IMAGE, part(b"boxes", b"[]"), part(b"boxes", b"[]")), (422,)
    yield "boxes as a file", form(part(b"boxes", b"[]", filename=b"boxes.json")), (422,)


def with_boxes(text: bytes) -> bytes:
    return request(b"POST /pose?boxes=" + quote(text, safe="").encode(), PHOTO)


def queries() -> Requests:
    for query in WRONG_QUERIES:
        yield f"query {query[:24]}", request(b"POST /pose?" + quote(query, safe="=").encode(), PHOTO), (422,)
    yield "query of 3,000 names", request(b"POST /pose?" + b"a&" * 3000 + b"a=1", PHOTO), (422,)
    yield "query that is no UTF-8", request(b"POST /pose?format=%ff%fe", PHOTO), (422,)
    yield "query with half an escape", request(b"POST /pose?format=%f", PHOTO), (422,)
    yield "query with a line in it", request(b"POST /pose?format=a%0d%0aX-Injected:%201", PHOTO), (422,)
    yield "query with bytes as they are", request(b"POST /pose?format=\xff", PHOTO), (400,)
    yield "query twice", request(b"POST /pose?format=coco&format=native", PHOTO), (200,)
    yield "query for very many people", request(b"POST /pose?max_people=99999999999999999999", PHOTO), (200,)


def forms() -> Requests:
    for name in FILE_NAMES:
        yield f"file name {name[:20]!r}", form(part(b"image", PHOTO, filename=name)), (200,)
    yield "file name of 9,000 bytes", form(part(b"image", PHOTO, filename=b"a" * 9000)), (422,)
    for name in FIELD_NAMES:
        yield f"field name {name[:20]!r}", form(part(name, PHOTO, filename=b"a.png")), (422,)
    for charset in CHARSETS:
        kind = FORM + b"; charset=" + charset
        yield f"form in {charset!r}", form(IMAGE, part(b"boxes", b"[]"), kind=kind), (200,)
        yield f"form in {charset!r}, of bytes", form(part(b"b\xff\\ud800", b"-\xff\\ud800"), kind=kind), (422,)
    slow = part(b"boxes", b"-" + b"a" * 60_000)
    yield "form in punycode, long", form(slow, kind=FORM + b"; charset=punycode"), (422,)
    for kind in WRONG_FORMS:
        yield f"content type {kind[:60]!r}", form(IMAGE, kind=kind), (422,)
    for kind in OTHER_TYPES:
        yield f"content type {kind[:60]!r}", request(b"POST /pose", PHOTO, b"Content-Type: " + kind), (200,)
    two = b"Content-Type: image/png", b"Content-Type: " + FORM
    yield "two content types", request(b"POST /pose", PHOTO, *two), (200,)
    yield "two content types, the other first", request(b"POST /pose", PHOTO, *two[::-1]), (422,)
    yield "content type in capitals", form(IMAGE, kind=FORM.upper().replace(b"=B", b"=b")), (200, 422)
    yield "1,000 parts", form(*[part(b"boxes", b"[]")] * 1000), (422,)
    yield "1,000 files", form(*[part(b"image", b"", filename=b"a")] * 1000), (422,)
    yield "100 headers in a part", form(part(b"image", PHOTO, *[b"X-A: b"] * 100, filename=b"a")), (422,)
    yield "a header of 60 kB in a part", form(part(b"image", PHOTO, b"X-A: " + b"b" * 60_000, filename=b"a")), (422,)
    yield "a part without a name", form(b"--b\r\nContent-Type: image/png\r\n\r\n" + PHOTO + b"\r\n"), (422,)
    yield "a part without headers", form(b"--b\r\n\r\n" + PHOTO + b"\r\n"), (422,)
    yield "an empty file", form(part(b"image", b"", filename=b"a")), (422,)
    yield "no part at all", form(), (422,)
    whole = b"Content-Type: " + FORM
    yield "a form that does not end", request(b"POST /pose", IMAGE, whole), (422,)
    yield "a form with text after its end", request(b"POST /pose", IMAGE + b"--b--\r\nmore", whole), (200,)
    yield "a form of near boundaries", form(part(b"image", b"\r\n--\r\n-\r" * 9000, filename=b"a")), (415,)


def batches() -> Requests:
    path, image, bad = b"/pose/batch", part(b"images", PHOTO, filename=b"a"), part(b"images", b"%PDF", filename=b"a")
    yield "a batch of none", form(path=path), (422,)
    yield "a batch that is no form", request(b"POST " + path, PHOTO), (422,)
    yield "a batch of four", form(*[image] * 4, path=path), (200,)
    yield "a batch of five", form(*[image] * 5, path=path), (422,)
    yield "a batch with bad ones", form(bad, image, bad, path=path), (200,)
    yield "a batch with a field", form(part(b"images", PHOTO), path=path), (422,)
    yield "a batch that is too long", head(b"POST " + path, b"Content-Length: 99999999"), (413,)
