"""Generated hostile and unusual HTTP and WebSocket messages, which client libraries would not send."""

from collections.abc import Iterator

from tests.support.hostile_requests import PHOTO, Requests
from tests.support.image_files import PNG, png
from tests.support.wire import LAST_CHUNK, chunked, frame, handshake, head, request

OUTSIDE_PATHS = [
    b"../app.py", b"%2e%2e/app.py", b"..%2fapp.py", b"%2e%2e%2fapp.py", b"..%5capp.py", b"%252e%252e/app.py",
    b"/etc/passwd", b"%2fetc%2fpasswd", b"....//app.py", b"app.js/../../app.py", b"%00", b"app.js%00.html", b"%ff",
    b"%ed%a0%80", b".", b"", b"~root", b"CON", b"a" * 300, b"a/" * 3000, b"%", b"%zz",
]  # fmt: skip


def http() -> Requests:
    """What an HTTP client would repair. What the HTTP server itself refuses gets 400 and a closed connection."""
    whole, post = head(b"GET /healthz"), b"POST /pose"
    coded = head(post, b"Transfer-Encoding: chunked")
    for size in (1, 7, 4096, 10**6):
        yield f"chunks of {size}", coded + chunked(PHOTO, size), (200,)
    yield "chunks with extensions", coded + b"3;a=b;c\r\nabc\r\n" + LAST_CHUNK, (415,)
    yield "chunks and a trailer", coded + chunked(PHOTO, 999)[:-2] + b"X-Image: none\r\n\r\n", (200,)
    yield "too many chunks", [coded, *[b"2710\r\n" + bytes(10_000) + b"\r\n"] * 60], (413,)
    yield "a chunk of a wrong length", coded + b"5\r\nabc\r\n" + LAST_CHUNK, (400,)
    yield "a chunk of 2^64", coded + b"10000000000000000\r\n", (400,)
    yield "a chunk of -1", coded + b"-1\r\nabc\r\n", (400,)
    yield "a chunk of no number", coded + b"g\r\n", (400,)
    both = [b"Transfer-Encoding: chunked", b"Content-Length: 4"]
    yield "chunked, and a length", head(post, *both) + LAST_CHUNK + b"GET /metrics HTTP/1.1\r\n\r\n", (400,)
    yield "a length, and chunked", head(post, *both[::-1]) + LAST_CHUNK + b"GET /metrics HTTP/1.1\r\n\r\n", (400,)
    for coding in (b"xchunked", b"chunked, identity", b"chunked\x0b", b"\x0bchunked", b"identity", b"gzip, chunked"):
        sent = head(post, b"Transfer-Encoding: " + coding) + LAST_CHUNK
        yield f"Transfer-Encoding: {coding!r}", sent, (422,) if coding == b"gzip, chunked" else (400,)
    yield "a space before the colon", head(post, b"Transfer-Encoding : chunked", b"Content-Length: 0"), (400,)
    yield "a header that goes on in the next line", head(b"GET /healthz", b"X: a\r\n b"), (200, 400)
    yield "two lengths", head(post, b"Content-Length: 3", b"Content-Length: 4") + b"abcd", (400,)
    for length in (b"-4", b"+4", b"4,4", b"0x4", b"4.0", b"\xb2", b"18446744073709551616", b"9" * 5000, b" 4 4"):
        yield f"Content-Length: {length[:24]!r}", head(post, b"Content-Length: " + length) + b"abcd", (400, 413)
    yield "a length that is too great", head(post, b"Content-Length: 4000000000"), (413,)
    yield "a length and no more", head(post, b"Content-Length: 5000") + PNG[:100], (408,)
    yield "more than its length", head(post, b"Content-Length: 5") + PNG, (415, 400)
    yield "Expect: 100-continue", request(post, PHOTO, b"Expect: 100-continue"), (200,)
    yield "Expect: 100-continue and too much", head(post, b"Expect: 100-continue", b"Content-Length: 4000000"), (413,)
    yield "Expect: something else", request(post, PHOTO, b"Expect: 200-ok"), (200, 400)
    yield "HTTP/1.0", b"POST /pose HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(PHOTO) + PHOTO, (200,)
    yield "HTTP/0.9", b"GET /healthz\r\n\r\n", (200, 400)
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)
    yield "HTTP/9.9", b"GET /healthz HTTP/9.9\r\n\r\n", (400,)
    yield "TLS", bytes.fromhex("16030100c8010000c40303"), (400,)
    yield "no host", b"GET /healthz HTTP/1.1\r\n\r\n", (200, 400)
    yield "a host that is none", b"GET /healthz HTTP/1.1\r\nHost: [\xff\r\n\r\n", (200, 400)
    yield "lines without returns", b"GET /healthz HTTP/1.1\nHost: test\n\n", (200, 400)
    yield "a null in a header", head(b"GET /healthz", b"X: a\0b"), (400,)
    yield "no name of a header", head(b"GET /healthz", b": a"), (400,)
    yield "a header of 30 kB", head(b"GET /healthz", b"X: " + b"a" * 30_000), (200,)
    yield "a header of 1 MB", [b"GET /healthz HTTP/1.1\r\nX: ", *[b"a" * 65536] * 16], (400,)
    yield "1,000 headers", head(b"GET /healthz", *[b"X: a"] * 1000), (200,)
    yield "a request id with a line in it", head(b"GET /healthz", b"X-Request-ID: a%0d%0ab"), (200,)
    yield "an authorization that cannot be", head(b"GET /models", b"Authorization: \xff\xfe"), (200,)
    yield "an upgrade that is none", head(b"GET /healthz", b"Connection: Upgrade", b"Upgrade: h2c"), (200,)
    yield "an empty line first", b"\r\n" + whole, (200,)
    yield "garbage", b"\x00\x01\x02\x03\r\n\r\n", (400,)
    yield "a body where none is wanted", request(b"GET /healthz", bytes(100_000)), (200,)
    yield "a range of bytes that is none", head(b"GET /page/app.js", b"Range: bytes=a-b"), (400,)
    yield "a range of bytes beyond the end", head(b"GET /page/app.js", b"Range: bytes=99999999-"), (416,)
    yield "3,000 ranges of bytes", head(b"GET /page/app.js", b"Range: bytes=" + b"0-1," * 3000 + b"0-1"), (200,)


def addresses() -> Requests:
    for method in (b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"HEAD", b"SEARCH"):
        yield f"{method.decode()} /pose", head(method + b" /pose", b"Connection: close"), (405,)
    yield "CONNECT", head(b"CONNECT a.example:443"), (400,)
    yield "a method that is none", head(b"POSE /pose"), (400,)
    yield "a method in small letters", head(b"post /pose"), (400,)
    yield "OPTIONS *", head(b"OPTIONS *"), (404, 400)
    yield "a whole address", head(b"GET http://a.example/healthz"), (200, 400)
    yield "a whole address without a path", head(b"GET http://a.example"), (400, 404)
    yield "POST /pose/", request(b"POST /pose/", PHOTO, b"Host: a.example"), (404,)
    yield "//a.example/", head(b"GET //a.example/%2f.."), (404,)
    for path in OUTSIDE_PATHS:
        yield f"/page/{path[:30].decode()}", head(b"GET /page/" + path), (404,)
    yield "/page/ with bytes as they are", head(b"GET /page/\xff"), (400, 404)
    yield "POST to the page", request(b"POST /page/app.js", PHOTO), (405,)


def handshakes() -> Requests:
    """WebSocket handshakes that do not open a stream."""
    yield "a stream of another address", handshake(path=b"/pose"), (403,)
    yield "a stream in an unknown format", handshake(path=b"/pose/stream?format=xml"), (403,)
    yield "a stream of another site's page", handshake(b"Origin: http://a.example"), (403,)
    yield "a stream of a page that is nowhere", handshake(b"Origin: http://["), (403,)
    yield "a stream without an upgrade", head(b"GET /pose/stream"), (404, 405, 426)
    yield "a stream by POST", handshake().replace(b"GET", b"POST"), (405,)
    yield "a stream without a key", handshake().replace(b"Sec-WebSocket-Key", b"X"), (400,)
    yield "a stream with a short key", handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl"), (400,)
    yield "a stream of another version", handshake().replace(b": 13", b": 8"), (400, 426)
    yield "a stream by two protocols", handshake(b"Upgrade: h2c"), (400, 426)
    yield "a stream with a long header", handshake(b"X: " + b"a" * 20_000), (400,)
    yield "a stream with a body", handshake(b"Content-Length: 4") + b"abcd", (400,)
    yield "a stream with bytes as they are", handshake(path=b"/pose/stream?\xff"), (400,)


def messages() -> Iterator[tuple[str, bytes, int | str]]:
    """What is sent on an open stream -> the code that it is closed with, or the status of the problem in the answer."""
    yield "text", frame(1, b"hello"), 1003
    yield "no text at all", frame(1, b""), 1003
    yield "text that is no UTF-8", frame(1, b"\xff\xfe"), 1003
    yield "text of 1 MB", frame(1, b"a" * 10**6), 1009
    yield "a frame that is too large", frame(2, bytes(300_001)), 1009
    yield "a frame that is too large in parts", frame(2, bytes(200_000), last=False) + frame(0, bytes(200_000)), 1009
    yield "a frame that claims 2^63 bytes", frame(2, b"", length=2**63), 1009
    yield "a frame in 100,000 parts", frame(2, b"", last=False) + frame(0, b"", last=False) * 100_000, 1009
    yield "a part of nothing", frame(0, b"abc"), 1002
    yield "a frame within a frame", frame(2, b"abc", last=False) + frame(2, b"abc"), 1002
    yield "a frame without a mask", frame(2, b"abc", masked=False), 1002
    yield "a reserved bit", b"\xc2" + frame(2, b"abc")[1:], 1002
    yield "an unknown kind", frame(3, b"abc"), 1002
    yield "bytes that are no frame", b"\xff" * 100, 1002
    yield "HTTP", head(b"GET /healthz"), 1002
    yield "a long ping", frame(9, b"a" * 126), 1002
    yield "a ping in parts", frame(9, b"a", last=False), 1002
    yield "a close of one byte", frame(8, b"\x03"), 1002
    yield "a close for no reason there is", frame(8, b"\0\1"), 1002
    yield "a close", frame(8, (1000).to_bytes(2)), 1000
    yield "an empty frame", frame(2, b""), "415"
    yield "a frame that is no image", frame(2, b"GIF89a"), "415"
    yield "a frame that is damaged", frame(2, PNG[:200]), "422"
    yield "a frame with too many pixels", frame(2, png((2000, 2000))), "413"
