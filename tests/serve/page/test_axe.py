"""The page's accessibility by the rules of axe-core (WCAG 2.2 AA and best practice), in each of its states."""

import pytest
from playwright.sync_api import expect

from tests.serve.page.test_film import film
from tests.support.bright_service import photo
from tests.support.page_browser import DESKTOP, PHONE, encoded, give, upload

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core: pip install -e '.[dev]'")


def faults(page):
    """What axe-core finds: rule, element and what is wrong."""
    results = axe.Axe().run(page).response
    assert len(results["passes"]) > 15
    return [(v["id"], n["html"][:120], n["failureSummary"]) for v in results["violations"] for n in v["nodes"]]


LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]


@pytest.mark.parametrize(("device", "scheme"), LOOKS, ids=["desktop", "desktop-dark", "phone", "phone-dark"])
def test_before_during_and_after_a_photo(service, visit, figure, device, scheme):
    page = visit(service, color_scheme=scheme, **device)
    assert faults(page) == []
    give(page, [upload(f"{i}.png", encoded(figure)) for i in range(2)])
    page.get_by_text("Joints", exact=True).wait_for()
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    page.get_by_label("Joints from score").fill("0.95")  # some rows are faint
    page.get_by_role("button", name="Add a box").click()
    expect(page.get_by_role("button", name="Clear the boxes")).to_be_visible()
    assert faults(page) == []
    page.set_input_files("#file", upload("cat.gif", b"GIF89a"))
    expect(page.get_by_role("alert")).not_to_be_empty()
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_a_webcam_and_with_a_video(bright, visit, tmp_path, scheme):
    page = visit(bright, color_scheme=scheme)
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator("circle[data-joint]")).to_have_count(14)
    assert faults(page) == []
    page.get_by_role("button", name="Stop").click()
    page.set_input_files("#file", film(tmp_path / "film.webm", seconds=1, rate=5, scale=1))
    expect(page.get_by_role("button", name="Download JSON lines")).to_be_visible()
    assert faults(page) == []


def test_where_a_key_is_asked_for_and_a_busy_service_is_waited_for(bright, visit):
    page = visit(bright, failing="the server responded with a status of")
    page.route("**/pose?*", lambda route: route.fulfill(status=401, body="{}"), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_label("API key")).to_be_focused()
    assert faults(page) == []
    page.route("**/pose?*", lambda route: route.fulfill(status=429, headers={"Retry-After": "9"}, body="{}"), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("button", name="Try again")).to_be_disabled()
    assert faults(page) == []
