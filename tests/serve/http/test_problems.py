import re
from pathlib import Path

from serve.http.problems import KINDS, make, meaning

SERVICE = Path(__file__).parents[3] / "docs/service.md"


def test_a_status_has_its_usual_kind():
    assert make(422, "no", None).type == "/docs#invalid"
    assert make(422, "no", None, "damaged").type == "/docs#damaged"
    assert make(418, "no", "5f1c").model_dump() == {
        "type": "about:blank", "title": "I'm a Teapot", "status": 418, "detail": "no", "request_id": "5f1c",
    }  # fmt: skip
    assert meaning(422) == f"{KINDS['invalid'].meaning} {KINDS['damaged'].meaning}"


def test_the_documentation_has_all_of_them():
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", SERVICE.read_text(), re.MULTILINE)
    assert {name: int(status) for status, name in rows} == {name: kind.status for name, kind in KINDS.items()}
