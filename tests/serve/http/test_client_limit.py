import pytest
from starlette.websockets import WebSocketDisconnect

from serve.http import client_limit
from serve.http.client_limit import Allowance, subscriber
from tests.support.ramp_app import PNG, Reader, assert_problem, serving


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("rate", "at_once", "wait"), [(5, 5, 0.2), (2.5, 2, 0.2), (1, 1, 1), (0.1, 1, 10)])
def test_a_seconds_worth_at_once_then_the_rate(rate, at_once, wait):
    clock = Clock()
    allowance = Allowance(rate, clock)
    assert [allowance.take("a") for _ in range(at_once)] == [0] * at_once
    assert allowance.take("a") == pytest.approx(wait)
    assert allowance.take("b") == 0
    clock.now += wait + 1e-6
    assert allowance.take("a") == 0
    assert allowance.take("a") > 0
    clock.now += 1e6
    assert [allowance.take("a") for _ in range(at_once)] == [0] * at_once
    assert allowance.take("a") > 0


def test_who_has_not_asked_for_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(client_limit, "MAX_CLIENTS", 3)
    allowance = Allowance(1, Clock())
    for name in "abcab":
        allowance.take(name)
    assert allowance.take("d") == 0  # in c's place
    assert allowance.take("a") > 0
    assert allowance.take("c") == 0


@pytest.mark.parametrize(
    ("client", "network"),
    [("198.51.100.1", "198.51.100.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("testclient", "testclient")],
)
def test_an_ipv6_subscriber_has_a_network(client, network):
    assert subscriber(client) == network


def test_too_often_is_told_before_the_body_and_reading_is_free(spec):
    with serving(Reader(spec), client_rate=0.1) as client:
        assert client.post("/pose", content=PNG).status_code == 200
        refused = client.post("/pose", content=b"x" * 10**6)
        assert "0.1 requests a second" in assert_problem(refused, 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/pose/stream"):
            pass
        assert closed.value.code == 1013
        assert client.get("/healthz").status_code == client.get("/models").status_code == 200
        assert 'unipose_rejected_total{reason="client"} 2.0' in client.get("/metrics").text
