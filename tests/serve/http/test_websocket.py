import json
import threading

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.support.ramp_app import PNG, SIZE, Reader, encoded, joints, serving
from tests.support.ramps import ramp_image, ramp_joints

KEY = "0123456789abcdef"


@pytest.fixture
def client(spec):
    with serving(Reader(spec)) as client:
        yield client


def test_each_frame_gets_its_native_answer(client):
    with client.websocket_connect("/pose/stream") as stream:
        for number, size in enumerate([SIZE, (200, 260)]):
            stream.send_bytes(encoded(ramp_image(size)))
            answer = stream.receive_json()
            assert answer["frame"] == number
            assert (answer["width"], answer["height"]) == size
            assert abs(joints(answer["poses"][0]) - ramp_joints(size)).max() < 0.6  # averages are rounded up


def test_the_query_counts_for_every_frame(client):
    with client.websocket_connect("/pose/stream?format=coco&score_threshold=1") as stream:
        stream.send_bytes(PNG)
        assert stream.receive_json()["annotations"] == []


def test_a_bad_frame_is_told_and_the_stream_goes_on(client):
    with client.websocket_connect("/pose/stream") as stream:
        for data, status in ((b"GIF89a", 415), (PNG[:300], 422), (encoded(ramp_image((500, 500))), 413)):
            stream.send_bytes(data)
            assert stream.receive_json()["error"]["status"] == status
        stream.send_bytes(PNG)
        assert stream.receive_json()["frame"] == 3


def test_the_latest_frame_wins(spec):
    class Gated(Reader):
        gate = threading.Event()
        entered = threading.Event()

        def run(self, batch):
            self.entered.set()
            assert self.gate.wait(20)
            return super().run(batch)

    runtime = Gated(spec)
    runtime.gate.set()
    with serving(runtime) as client, client.websocket_connect("/pose/stream") as stream:
        runtime.gate.clear()
        runtime.entered.clear()
        stream.send_bytes(PNG)
        assert runtime.entered.wait(20)  # frame 0 is in the model
        for _ in range(5):
            stream.send_bytes(PNG)
        client.get("/healthz")  # by its response the loop has read them
        runtime.gate.set()
        assert [stream.receive_json()["frame"] for _ in range(2)] == [0, 5]


def test_text_is_no_frame(client):
    with client.websocket_connect("/pose/stream") as stream:
        stream.send_text("hello")
        with pytest.raises(WebSocketDisconnect) as closed:
            stream.receive_text()
    assert closed.value.code == 1003
    assert "binary" in closed.value.reason


def test_streams_have_a_number_and_places_come_back(spec):
    with serving(Reader(spec), max_streams=1) as client:
        with client.websocket_connect("/pose/stream") as first:
            with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/pose/stream"):
                pass
            assert refused.value.code == 1013
            first.send_bytes(PNG)
            assert first.receive_json()["frame"] == 0
        with client.websocket_connect("/pose/stream") as second:
            second.send_bytes(PNG)
            assert second.receive_json()["frame"] == 0


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ({}, False),
        ({"headers": {"Authorization": f"Bearer {KEY}"}}, True),
        ({"headers": {"Authorization": "Bearer 0000000000000000"}}, False),
        ({"subprotocols": ["unipose", f"key.{KEY}"]}, True),
        ({"subprotocols": ["unipose", "key.0000000000000000"]}, False),
    ],
)
def test_a_stream_needs_the_key_too(spec, options, accepted):
    with serving(Reader(spec), api_keys=(KEY,)) as client:
        if not accepted:
            with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/pose/stream", **options):
                pass
            assert refused.value.code == 1008
            return
        with client.websocket_connect("/pose/stream", **options) as stream:
            assert stream.accepted_subprotocol == ("unipose" if "subprotocols" in options else None)
            stream.send_bytes(PNG)
            assert json.loads(stream.receive_text())["poses"]


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [("http://testserver", True), ("https://a.example", True), ("https://b.example", False), ("null", False)],
)
def test_other_sites_pages_may_not_open_a_stream(spec, origin, accepted):
    headers = {"Origin": origin}
    with serving(Reader(spec), cors_origins=("https://a.example",)) as client:
        if accepted:
            with client.websocket_connect("/pose/stream", headers=headers) as stream:
                stream.send_bytes(PNG)
                assert stream.receive_json()["poses"]
            return
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/pose/stream", headers=headers):
            pass
        assert refused.value.code == 1008
