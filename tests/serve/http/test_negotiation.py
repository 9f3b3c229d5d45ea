import pytest
from starlette.datastructures import Headers

from serve.http.negotiation import preferred


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("image/png", "image/png"),
        ("image/*", "image/png"),
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/webp, image/jpeg;q=0.8, */*;q=0.5", "image/jpeg"),
        ("image/png;q=0.4, application/json", "application/json"),
        ("application/json, image/png", "application/json"),
        ("image/png;q=0", "application/json"),
        ("image/png;q=high", "application/json"),
        ("image/png;q=nan", "application/json"),
        (",;,=;q", "application/json"),
    ],
)
def test_what_is_liked_best(accept, kind):
    assert preferred(Headers({} if accept is None else {"accept": accept})) == kind
