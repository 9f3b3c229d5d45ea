import pytest

from tests.support.ramp_app import PNG, Reader, assert_problem, serving

KEYS = ("0123456789abcdef", "another-key_of-more-characters")


@pytest.fixture
def client(spec):
    with serving(Reader(spec), api_keys=KEYS) as client:
        yield client


GUARDED = [("POST", "/pose", 200), ("POST", "/pose/batch", 422), ("GET", "/models", 200), ("GET", "/metrics", 200)]


@pytest.mark.parametrize(("method", "path", "status"), GUARDED)
@pytest.mark.parametrize("key", KEYS)
def test_any_of_the_keys_opens(client, method, path, status, key):
    headers = {"Authorization": f"Bearer {key}"}
    assert client.request(method, path, content=PNG, headers=headers).status_code == status


@pytest.mark.parametrize(("method", "path", "_status"), GUARDED)
@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef",
     "Bearer \xfc\xfc"],
)  # fmt: skip
def test_nothing_else_does(client, method, path, _status, header):
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    answer = client.request(method, path, content=PNG, headers=headers)
    assert "Authorization: Bearer KEY" in assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/openapi.json"])
def test_what_is_open_stays_open(client, path):
    assert client.get(path).status_code == 200


def test_openapi_names_the_key(client):
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert document["paths"]["/pose"]["post"]["security"] == [{"HTTPBearer": []}]
