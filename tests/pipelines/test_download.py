import gc
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import pytest

from unipose.core.image import ImageTooLarge
from unipose.pipelines.download import download, file_name, is_address

PICTURE = b"a picture" * 1000
# Of an answer that breaks off urllib leaves the socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.strip("/").partition("?")[0].rpartition("/")[2]
        if kind.startswith("to-"):
            self.send_response(302)
            self.send_header("Location", {"to-photo": "/photo.jpg", "to-file": "file:///etc/passwd"}[kind])
            self.end_headers()
        elif kind == "slow":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX")
            for _ in range(100):  # a byte of a header at a time, each in time
                sleep(0.02)
                self.wfile.write(b"x")
        elif kind == "none":
            self.send_error(404)
        elif kind == "short":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort")
        elif kind == "strange":
            self.wfile.write(b"hello\r\n\r\n")
        else:
            self.server.asked = self.path, self.headers["User-Agent"]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PICTURE)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # they are waited for at the end
    server.handle_error = lambda *_: None  # of a client that has gone
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.at = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
    gc.collect()


@pytest.mark.parametrize("path", ["photo.jpg", "to-photo", "photo.jpg?size=large#top", "фото мое.jpg", "%D1%84.jpg"])
def test_a_picture_comes_whole(server, path):
    assert download(f"{server.at}/{path}") == PICTURE
    asked, agent = server.asked
    assert asked.isascii() and "#" not in asked and "%25" not in asked and agent.startswith("unipose/")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none", "is not to be had: the server answers 404 Not Found"),
        ("to-file", "is not to be had: .*file"),
        ("short", "broke off: after 5 bytes 94 more were to come"),
        ("strange", "gives no proper answer: BadStatusLine"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_address(server, path, message):
    with pytest.raises(OSError, match=f"^{server.at}/{path} {message}"):
        download(f"{server.at}/{path}")


def test_one_that_trickles_in_is_given_up(server):
    began = monotonic()
    with pytest.raises(OSError, match=r"/slow did not come within 0\.3 s$"):
        download(f"{server.at}/slow", seconds=0.3)
    assert monotonic() - began < 1.5


def test_one_of_too_many_bytes_is_refused(server):
    assert download(f"{server.at}/a", max_bytes=len(PICTURE)) == PICTURE
    with pytest.raises(ImageTooLarge, match=r"/a has more than 8,999 bytes"):
        download(f"{server.at}/a", max_bytes=len(PICTURE) - 1)


def test_where_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a.jpg"
        with pytest.raises(OSError, match=r"cannot be reached: .*refused"):
            download(address)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://a.org/b/photo.jpg?x=/y", "photo.jpg"),
        ("HTTPS://a.org/%D1%84%20x.png", "ф x.png"),
        ("http://a.org", "a.org"),
        ("http://a.org:80/", "a.org_80"),
        ("http://a.org/a%2F..%5Cb%00.jpg", "_b_.jpg"),
        ("http://a.org/%2e%2e", "a.org"),
    ],
)
def test_results_are_called_as_the_file_in_harmless_characters(address, name):
    assert is_address(address) and file_name(address) == name


@pytest.mark.parametrize("name", ["photo.jpg", "/a/http.jpg", "ftp://a.org/b.jpg", "http:/a.jpg"])
def test_other_names_are_no_addresses(name):
    assert not is_address(name)
