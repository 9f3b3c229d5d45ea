"""The service does what its OpenAPI document says: requests are generated from it, and every answer is checked."""

import io
from base64 import b64encode

import av
import httpx2 as httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.bright_service import WHOLE, running
from tests.support.ramp_app import PNG, Reader, encoded, make_app
from tests.support.ramps import ramp_image
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS

KEY = "0123456789abcdef"
SPEC = ModelSpec("ramp", "1", SKELETONS["lsp14"], (64, 96), 4, 1.5, 1.25, (0.5,) * 3, (0.25,) * 3)
# Files for what the schema says is binary: a schema cannot say what an image is.
IMAGES = st.sampled_from([PNG, encoded(ramp_image((64, 48)), "JPEG"), encoded(ramp_image((40, 70)), "WEBP")])
FEW = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
MANY = settings(FEW, max_examples=300)


def black_video():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(2):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


schemathesis.openapi.format("binary", IMAGES)
schemathesis.openapi.format("byte", IMAGES.map(lambda data: b64encode(data).decode()))
for kind in ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, IMAGES)
for kind in ("video/mp4", "video/webm"):
    schemathesis.openapi.media_type(kind, st.just(black_video()))


class Fresh:
    """Makes a new app at every start: schemathesis starts and stops it for each operation."""

    def __init__(self, **changes):
        self.changes = changes

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            self.app = make_app(Reader(SPEC), **self.changes)
        await self.app(scope, receive, send)


def described(**changes):
    schema = schemathesis.openapi.from_dict(make_app(Reader(SPEC), **changes).openapi())
    schema.app = Fresh(**changes)
    return schema


def check(case, **options):
    """All checks, but that valid data is accepted: a schema cannot say what is in a file or tensor, that boxes
    lie in the image, nor that they are given only once, in the query or in the body.
    """
    excluded = (
        [positive_data_acceptance]
        if case.operation.label in ("POST /pose", "POST /video", "POST /v2/models/ramp/infer")
        else []
    )
    return case.call_and_validate(excluded_checks=excluded, **options)


open_to_all, with_keys, of_a_process = described(), described(api_keys=(KEY,)), described()
of_a_process.app = None


@open_to_all.parametrize()
@FEW
def test_the_app_does_what_its_schema_says(case):
    check(case)


@with_keys.parametrize()
@FEW
def test_the_app_with_keys_does_what_its_schema_says(case):
    check(case)


@with_keys.parametrize()
@FEW
def test_the_app_lets_a_key_in(case):
    check(case, headers={"Authorization": f"Bearer {KEY}"})


@pytest.fixture(scope="session")
def address(bright_model):
    with running(bright_model, *WHOLE, "--log-level", "warning") as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.slow
@of_a_process.parametrize()
@MANY
def test_a_process_does_what_its_schema_says(case, address):
    check(case, base_url=address)


@pytest.mark.slow
def test_a_process_says_what_the_app_says(address):
    assert httpx.get(f"{address}/openapi.json").json() == open_to_all.raw_schema
