"""The app around a fake model that reads positions from ramp images, for tests of the service."""

import asyncio
import io
import json
from contextlib import contextmanager

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from serve.app import create_app
from serve.settings import Settings
from tests.support.ramps import RampReader, ramp_image
from unipose.core.boxes import Detections
from unipose.inference.predictor import Predictor

SIZE = (310, 230)
BOXES = [[90.0, 20.0, 290.0, 200.0], [-10.0, 0.0, 280.5, 220.0]]
LIMITS = {"max_bytes": 300_000, "max_pixels": 200_000, "max_people": 3, "max_batch": 2, "max_batch_bytes": 300_000}


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


PNG = encoded(ramp_image(SIZE))


class Reader(RampReader):
    """Finds nothing in an image without a ramp, such as that of the warm-up."""

    def run(self, batch):
        if (batch == batch.flat[0]).all():
            return np.zeros((len(batch), len(self.spec.skeleton.keypoints), *self.spec.heatmap_wh[::-1]), np.float32)
        return super().run(batch)


class FixedDetector:
    """A detector that finds people in these boxes, with these scores, but nobody in the black image of the warm-up."""

    refinement = "none"
    input_wh = None

    def __init__(self, boxes=(), scores=()):
        self.people = Detections(np.reshape(boxes, (-1, 4)).astype(np.float64), np.array(scores, np.float64))
        self.calls = 0

    def detect(self, image):
        self.calls += 1
        return self.people if image.any() else self.people.best(0)


def make_app(runtime, detector=None, **changes):
    """Without a detector every image is one person's. The quadratic decoder reads joints exactly, at the border too."""
    settings = Settings(**(LIMITS | changes))
    return create_app(settings, Predictor(runtime, detector, max_batch=settings.max_batch, decoder="quadratic"))


@contextmanager
def serving(runtime, detector=None, **changes):
    with TestClient(make_app(runtime, detector, **changes), raise_server_exceptions=False) as client:
        yield client


def form(image=PNG, **fields):
    return {"files": {"image": ("photo", image)}, "data": fields}


def assert_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body["detail"]


def joints(pose):
    return np.array([(keypoint["x"], keypoint["y"]) for keypoint in pose["keypoints"]])


async def ask(app, chunks, headers=(), pause=0.0, path="/pose", timeout=1000.0):
    """One request to a started app, its chunks taken from the list `pause` seconds apart -> status, headers, answer.

    The client disconnects `timeout` seconds after the last chunk.
    """
    sent = []

    async def receive():
        if not chunks:
            await asyncio.sleep(timeout)
            return {"type": "http.disconnect"}
        await asyncio.sleep(pause)
        body = chunks.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(chunks)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "headers": [(k.encode(), v.encode()) for k, v in headers], "state": {},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 20)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, json.loads(body)


def with_app(runtime, use, **settings):
    async def main():
        app = make_app(runtime, **settings)
        async with app.router.lifespan_context(app):
            return await use(app)

    return asyncio.run(main())
