import asyncio
import re
from time import monotonic

import pytest

from serve.loadtest.clients import Clients
from serve.loadtest.http_client import encode_request
from serve.loadtest.load import main
from tests.support.bright_service import WHOLE, photo


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "photo.png"
    path.write_bytes(photo())
    return path


def numbers(pattern, text):
    return [float(number) for number in re.search(pattern, text, re.M).groups()]


def test_the_service_is_measured_beside_its_work_alone(bright_model, capsys):
    assert main(["--clients", "3,1", "--seconds", "0.1", "--model", str(bright_model), "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"JPEG of \d+,\d+ bytes as the body, the whole image as one box: 1 x through the model", out)
    row = r"^ +{} +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +(\d+) +(\d+) +([\d.]+)% +none$"
    for clients in (1, 3):
        rate, p50, p95, p99, batch, rss, peak, cpu = numbers(row.format(clients), out)
        assert 0 < p50 <= p95 <= p99 < 10_000
        assert rate == pytest.approx(clients / p50 * 1000, rel=0.5)
        assert 1 <= batch <= clients
        assert 20 < rss <= peak < 2000
        assert 0 <= cpu < 100
    one = numbers(r"^p50 at 1 client / direct p50: ([\d.]+) \(([\d.]+) to ([\d.]+)\); wanted: at most 1.2$", out)
    many = numbers(r"^inputs/s at 3 clients / .* in batches of \d+: ([\d.]+) \(([\d.]+) to ([\d.]+)\)", out)
    for middle, least, most in (one, many):
        assert 0 <= least <= middle <= most
    assert one[0] > 0.5
    [direct] = numbers(r"^direct, one image after the other: p50 ([\d.]+) ms", out)
    assert direct > 0
    [_, most] = numbers(r"take ([\d.]+) ms of one core for each image: .* ([\d.]+) is the most there can be$", out)
    assert 0 <= most <= 1  # close to 0 with so fast a model


def test_answers_other_than_200_are_counted_apart(bright_model, image, capsys):
    options = ["--clients", "4", "--seconds", "0.1", "--image", str(image), "--boxes", "detector"]
    assert main([*options, "--model", str(bright_model), *WHOLE, "--threads", "1", "--max-queue", "1"]) == 1
    out = capsys.readouterr().out
    assert "no boxes, detector whole: 3 x through the model" in out
    assert re.search(r"^ +4 .* \d+ x 429$", out, re.M)


class Bursts(asyncio.Protocol):
    """Answers all waiting requests at once, every tenth of a second, as batches do."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        numbers = b"answers_count 1" if b"/metrics" in data else b""
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(numbers), numbers)
        later = 0 if numbers else 0.1 - monotonic() % 0.1
        asyncio.get_running_loop().call_later(later, self.transport.write, answer)


@pytest.mark.parametrize("seconds", [0.21, 0.25, 0.29])
def test_a_rate_does_not_depend_on_how_many_bursts_fit(seconds):
    async def use():
        server = await asyncio.get_running_loop().create_server(Bursts, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            clients = Clients(port, encode_request("POST", "/pose"), encode_request("GET", "/metrics"))
            return await clients.run(5, seconds)

    stats = asyncio.run(use())
    assert stats.rate == pytest.approx(50, rel=0.15)
    assert not stats.errors


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--host", "0.0.0.0"], "error: --host is '0.0.0.0': only 127.0.0.1 is put under load\n"),
        (["--max-batch", "0"], "error: --max-batch (UNIPOSE_MAX_BATCH) is '0'"),
        (["--image", "nowhere.jpg"], "error: nowhere.jpg: No such file"),
        (["--model", "nowhere.onnx"], "error: the service did not start: error: no model file nowhere.onnx\n"),
    ],
)
def test_what_cannot_be_is_one_line(options, error, capsys):
    assert main(options) == 2
    assert capsys.readouterr().err.startswith(error)


@pytest.mark.parametrize(
    ("boxes", "error"),
    [("[[0, 0", "boxes: Invalid JSON"), ("[[999, 0, 1200, 10]]", "boxes[0]: lies outside the image")],
)
def test_boxes_are_checked_as_the_service_does(bright_model, image, boxes, error, capsys):
    assert main(["--boxes", boxes, "--image", str(image), "--model", str(bright_model)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {error}")


@pytest.mark.parametrize(
    "options", [["--clients", "0"], ["--clients", "1,999"], ["--seconds", "0"], ["--seconds", "61"]]
)
def test_the_load_is_bounded(options, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(options)
    assert "at most" in capsys.readouterr().err
