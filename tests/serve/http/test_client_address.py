import asyncio
import logging
from ipaddress import ip_network

import pytest

from serve.http.client_address import ClientAddress
from tests.support.bright_service import WHOLE, photo, running
from tests.support.ramp_app import PNG, Reader, ask, with_app
from tests.support.wire import exchange, request


async def seen(peer, trusted, *headers):
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)

    scope = {"type": "http", "client": peer and (peer, 1234)}
    scope["headers"] = [(b"x-forwarded-for", value.encode()) for value in headers]
    await ClientAddress(app, [ip_network(text) for text in trusted])(scope, None, None)
    return scopes[0]["client"] and scopes[0]["client"][0]


@pytest.mark.parametrize(
    ("peer", "trusted", "headers", "client"),
    [
        ("203.0.113.7", [], ["198.51.100.1"], "203.0.113.7"),
        ("203.0.113.7", ["10.0.0.0/8"], ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.2", ["10.0.0.0/8"], ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.2", ["10.0.0.0/8"], [], "10.0.0.2"),
        ("10.0.0.2", ["10.0.0.0/8"], ["6.6.6.6, 198.51.100.1, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.2", ["10.0.0.0/8"], ["6.6.6.6", "198.51.100.1, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.2", ["10.0.0.0/8"], ["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        ("10.0.0.2", ["10.0.0.0/8"], ["6.6.6.6, <script>, 10.0.0.3"], "10.0.0.3"),
        ("10.0.0.2", ["10.0.0.0/8"], ["unknown"], "10.0.0.2"),
        ("10.0.0.2", ["10.0.0.2/32"], ["198.51.100.1:52344"], "198.51.100.1"),
        ("::1", ["::1/128"], ["[2001:db8::7]:443"], "2001:db8::7"),
        ("::1", ["::1/128"], ["2001:DB8:0::7"], "2001:db8::7"),
        ("::ffff:10.0.0.2", ["10.0.0.0/8"], ["198.51.100.1"], "198.51.100.1"),
        (None, ["10.0.0.0/8"], ["198.51.100.1"], None),
    ],
)
def test_whom_a_request_comes_from(peer, trusted, headers, client):
    assert asyncio.run(seen(peer, trusted, *headers)) == client


@pytest.mark.parametrize(("proxies", "client"), [("127.0.0.1", "198.51.100.1"), ("10.0.0.0/8", "127.0.0.1")])
def test_the_log_of_a_process_has_it(bright_model, proxies, client):
    with running(bright_model, *WHOLE, "--trusted-proxies", proxies, "--log-format", "json") as (process, port):
        exchange(port, request(b"POST /pose", photo(), b"X-Forwarded-For: 198.51.100.1"))
        for line in process.stderr:
            if '"/pose"' in line:
                break
        assert f'"client": "{client}"' in line


def test_a_socket_without_addresses_is_logged_too(spec, caplog):
    async def use(app):
        async def without(scope, receive, send):
            await app({**scope, "client": None}, receive, send)

        return await ask(without, [PNG])

    caplog.set_level(logging.INFO, "serve.access")
    assert with_app(Reader(spec), use, trusted_proxies="10.0.0.0/8", client_rate=5)[0] == 200
    assert "for unknown" in caplog.text
