import pytest

from tests.support.bright_service import WHOLE, running
from tests.support.ramp_app import Reader, serving
from tests.support.wire import exchange, head


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/models", "/page/app.js"])
def test_head_is_get_without_the_body(spec, path):
    with serving(Reader(spec)) as client:
        got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"") == (200, b"")
    for name in ("content-type", "content-length"):
        assert asked.headers[name] == got.headers[name]


def test_head_of_what_takes_no_get(spec):
    with serving(Reader(spec)) as client:
        answer = client.head("/pose")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert client.head("/nothing").status_code == 404
        assert 'path="/pose",status="405"' in client.get("/metrics").text


def test_a_process_sends_no_body_and_keeps_the_connection(bright_model):
    with running(bright_model, *WHOLE, "--log-level", "warning") as (_, port):
        received = exchange(port, head(b"HEAD /models") + head(b"GET /healthz"), lambda got: b'"ok"' in got.raw)
    first, _, rest = received.raw.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200") and b"content-length: " in first.lower()
    assert rest.startswith(b"HTTP/1.1 200")
