"""POST /video: lines of people with ids, limits, and who leaves."""

import asyncio
import json
import struct
import sys
import threading
from time import monotonic, sleep

import av
import httpx2 as httpx
import numpy as np
import pytest

from tests.support.bright_service import WHOLE, running, spot
from tests.support.ramp_app import PNG, assert_problem, make_app, serving
from tests.support.ramps import RampReader
from tests.support.video_files import write_video
from tests.support.wire import connect, exchange, head, request

SIZE = (128, 96)


class Bright(RampReader):
    """Finds every joint where it is bright, as the model of `bright_service` does."""

    def run(self, batch):
        count, _, height, width = batch.shape
        grey = 0.5 + 0.25 * batch.mean(axis=1)
        cells = grey.reshape(count, height // 4, 4, width // 4, 4).mean(axis=(2, 4), dtype=np.float32)
        return np.repeat(cells[:, None], len(self.spec.skeleton.keypoints), axis=1)


def moving(path, count=12, codec="libx264", size_wh=SIZE, **options):
    """A bright spot that moves to the right by a pixel a frame, from (40, 50) on."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for i in range(count):
            grey = spot(size_wh, (40 + i, 50))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, 2), format="rgb24")))
        out.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return moving(tmp_path_factory.mktemp("video") / "a.mp4")


@pytest.fixture
def client(spec):
    with serving(Bright(spec), max_video_bytes=300_000, max_video_frames=20, max_video_pixels=20_000) as client:
        yield client


def lines_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_a_line_for_each_frame_of_each_kind_of_file(client, tmp_path, name):
    codec = {"a.webm": "libvpx", "a.avi": "mpeg4"}.get(name, "libx264")
    lines = lines_of(client.post("/video", content=moving(tmp_path / name, codec=codec)))
    assert [line["frame"] for line in lines] == [*range(12)]
    assert [line["time"] for line in lines] == pytest.approx(np.arange(12) / 10, abs=0.002)


def test_people_keep_their_ids(service, figure, tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.height, stream.width = (side // 2 * 2 for side in figure.shape[:2])
        stream.pix_fmt = "yuv420p"
        for i in range(12):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(figure, 3 * i, axis=1), format="rgb24")))
        out.mux(stream.encode(None))
    lines = lines_of(httpx.post(f"{service}video?max_people=1", content=path.read_bytes(), timeout=60))
    assert len(lines) == 12
    hips = []
    for line in lines:
        [pose] = line["poses"]
        assert pose["track_id"] == 1
        hips += [joint["x"] for joint in pose["keypoints"] if joint["name"] == "left_hip"]
    assert np.diff(hips).mean() == pytest.approx(3, abs=0.6)


def test_a_form_works_too(client, video):
    assert len(lines_of(client.post("/video", files={"video": video}))) == 12


def a_playlist(_):
    return b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n"


def damaged_head(video):
    return video[:40] + bytes(len(video) - 40)


def sound(_):
    import io

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "status", "detail"),
    [
        (lambda video: b"", 422, "the video is empty"),
        (lambda video: PNG, 415, "not a video (MP4"),
        (a_playlist, 415, "not a video"),
        (lambda video: b"ffconcat version 1.0\nfile /etc/passwd\n", 415, "not a video"),
        (lambda video: b"\0\0\0\x18ftypheic" + video[12:], 415, "not a video"),
        (damaged_head, 422, "damaged"),
        (sound, 422, "no video in it"),
        (lambda video: bytes(500_000), 413, "more than 431,072 bytes"),
    ],
)
def test_refusals(client, video, make, status, detail):
    assert detail in assert_problem(client.post("/video", content=make(video)), status)


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"count": 21}, "the video has 21 frames; at most 20"),
        ({"size_wh": (160, 128)}, "160 x 128 pixels; at most 20,000"),
    ],
)
def test_too_much_is_told_before_the_first_frame(client, tmp_path, options, detail):
    assert detail in assert_problem(client.post("/video", content=moving(tmp_path / "a.mp4", **options)), 413)


def test_a_codec_that_is_not_needed_is_not_decoded(client, tmp_path):
    data = moving(tmp_path / "a.mkv", codec="ffv1")
    assert "ffv1; convert it to H.264" in assert_problem(client.post("/video", content=data), 422)


def test_a_frame_too_many_is_the_last_line(client, tmp_path):
    data = moving(tmp_path / "a.mkv", count=22)  # which does not say how many there are
    *lines, last = lines_of(client.post("/video", content=data))
    assert len(lines) == 20
    assert (last["error"]["status"], last["error"]["type"]) == (413, "/docs#too-large")
    assert "more than 20 frames" in last["error"]["detail"]


def test_a_larger_frame_than_the_file_says_is_not_decoded(client, tmp_path):
    small, large = (tmp_path / name for name in ("small.mkv", "large.mkv"))
    moving(small, count=2, codec="mjpeg", size_wh=(64, 64))
    moving(large, count=2, codec="mjpeg", size_wh=(640, 640))
    mixed = tmp_path / "mixed.mkv"
    with av.open(str(small)) as first, av.open(str(large)) as second, av.open(str(mixed), "w") as out:
        stream = out.add_stream_from_template(first.streams.video[0])
        for i, packet in enumerate([*first.demux(video=0), *second.demux(video=0)]):
            if packet.size:
                packet.stream, packet.pts, packet.dts = stream, i * 100, i * 100
                out.mux(packet)
    *lines, last = lines_of(client.post("/video", content=mixed.read_bytes()))
    assert len(lines) == 2
    assert last["error"]["type"] == "/docs#damaged"


def test_a_cut_file_ends_with_what_is_wrong(client, tmp_path):
    data = moving(tmp_path / "a.mkv", g="1")
    *lines, last = lines_of(client.post("/video", content=data[: 2 * len(data) // 3]))
    assert 3 < len(lines) < 12
    assert last["error"]["status"] == 422


def test_frames_have_a_time(spec, video):
    class Slow(Bright):
        def run(self, batch):
            sleep(0.1)
            return super().run(batch)

    with serving(Slow(spec), video_seconds=0.25) as client:
        *lines, last = lines_of(client.post("/video", content=video))
    assert 1 <= len(lines) <= 3
    assert last["error"]["status"] == 504


def test_without_the_extra_it_says_what_to_install(spec, video, monkeypatch):
    monkeypatch.setitem(sys.modules, "lap", None)
    for name in ("unipose.tracking.tracker", "unipose.tracking.pose_tracker"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with serving(Bright(spec)) as client:
        assert "pip install 'unipose[video]'" in assert_problem(client.post("/video", content=video), 501)


class Gated(Bright):
    def __init__(self, spec):
        super().__init__(spec)
        self.gate, self.frames = threading.Event(), 0
        self.gate.set()

    def run(self, batch):
        self.frames += 1
        assert self.gate.wait(20)
        return super().run(batch)


async def post(app, data, leave=None):
    """POST /video as a client that leaves once `leave(received bytes)` -> status, body."""
    sent, body, left = [], [{"type": "http.request", "body": data}], asyncio.Event()

    async def receive():
        if body:
            return body.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if leave and leave(b"".join(m.get("body", b"") for m in sent[1:])):
            left.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/video", "raw_path": b"/video", "query_string": b"", "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "headers": [], "state": {},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 20)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_one_at_a_time_and_who_leaves_makes_room(spec, video):
    runtime = Gated(spec)

    async def use():
        app = make_app(runtime)
        async with app.router.lifespan_context(app):
            runtime.frames = 0
            runtime.gate.clear()
            leaves = asyncio.create_task(post(app, video, leave=lambda got: got.count(b"\n") == 2))
            while not runtime.frames and not leaves.done():
                await asyncio.sleep(0.01)
            status, body = await post(app, video)
            assert (status, b"one at a time" in body) == (429, True), body
            runtime.gate.set()
            _, got = await leaves
            assert 2 <= got.count(b"\n") < 12
            frames = runtime.frames
            for _ in range(200):  # its thread ends with its frame
                status, body = await post(app, video)
                if status == 200:
                    break
                await asyncio.sleep(0.02)
            assert (status, body.count(b"\n")) == (200, 12)
            assert frames < 36  # three looks at each frame

    asyncio.run(use())


def test_a_client_of_a_process_that_leaves_makes_room_and_leaves_no_trace(bright_model, tmp_path):
    data = moving(tmp_path / "a.mp4", count=600)
    with running(bright_model, *WHOLE, "--log-level", "warning") as (_, port):
        with connect(port) as client:
            client.sendall(request(b"POST /video", data))
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        end = monotonic() + 5
        while exchange(port, request(b"POST /video", b"none")).responses[0].status == 429:
            assert monotonic() < end
            sleep(0.05)
        numbers = exchange(port, head(b"GET /metrics")).responses[0].body.decode()
    assert "unipose_requests_in_flight 1.0" in numbers


def test_a_stop_ends_a_video_with_a_line(bright_model, tmp_path):
    data = moving(tmp_path / "a.mp4", count=1500)
    with running(bright_model, *WHOLE, "--log-level", "warning") as (process, port), connect(port) as client:
        client.sendall(request(b"POST /video", data))
        received = client.recv(1000)
        process.terminate()
        while more := client.recv(65536):
            received += more
    assert b'"status": 503' in received[-600:]


def test_write_video_of_the_other_tests_is_read(client, tmp_path):
    data = write_video(tmp_path / "a.mp4", count=5, rotation=90).read_bytes()
    assert len(lines_of(client.post("/video", content=data))) == 5


def test_boxes_of_a_hostile_size_are_refused(client, video):
    """A size field of 4 GB in the file's tree of boxes."""
    at = video.index(b"moov")
    data = video[: at - 4] + struct.pack(">I", 2**32 - 1) + video[at:]
    answer = client.post("/video", content=data)
    assert answer.status_code in (200, 422)
