"""The page's error messages: for the photo, the service, the network and the key."""

import json

import pytest
from playwright.sync_api import expect

from tests.support.bright_service import WHOLE, photo, running
from tests.support.page_browser import give, upload

KEY = "0123456789-abcdef"


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("words.txt", b"Dear service, this is a photo.", 415, "not a JPEG, PNG"),
        ("half.png", photo()[:300], 422, "The image is damaged"),
    ],
)
def test_what_is_no_photo_is_refused_in_the_services_words(bright, visit, shoot, name, data, status, words):
    page = visit(bright, failing=f"the server responded with a status of {status}")
    page.set_input_files("#file", upload(name, data))
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    shoot(page, f"error-{status}")
    give(page, upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_be_empty()


@pytest.mark.parametrize(("status", "more"), [(429, ""), (503, "Request a1b2")])
def test_a_busy_service_is_asked_again_after_the_time_it_said(bright, visit, status, more):
    page = visit(bright, failing=f"the server responded with a status of {status}")
    headers = {"Retry-After": "1", "X-Request-ID": "a1b2"}
    answer = {"status": status, "headers": headers, "body": json.dumps({"detail": "too many images are under way"})}
    page.route("**/pose?*", lambda route: route.fulfill(**answer), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_have_text(
        f"Too many images are under way.{more}The service asks to wait 1 second."
    )
    expect(page.get_by_role("button", name="Try again in 1 s")).to_be_disabled()
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_service_out_of_reach_is_told(bright, visit):
    page = visit(bright, failing="net::ERR_FAILED")
    page.route("**/pose?*", lambda route: route.abort(), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")


def test_a_key_is_asked_for_only_where_one_is_needed(bright_model, visit):
    with running(bright_model, *WHOLE, "--log-level", "warning", "--api-keys", KEY) as (_, port):
        page = visit(f"http://127.0.0.1:{port}/", failing="the server responded with a status of 401")
        field = page.get_by_label("API key")
        expect(field).to_be_focused()
        page.keyboard.type("another-key-than-that")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("wrong API key")
        field.fill(KEY)
        page.keyboard.press("Enter")
        expect(field).to_be_hidden()
        expect(page.get_by_text("bright 7")).to_be_visible()
        give(page, upload("spot.png", photo()))
        page.get_by_role("button", name="Use the webcam").click()
        expect(page.locator("circle[data-joint]")).to_have_count(14)
        kept = page.evaluate("[{...sessionStorage}, {...localStorage}, document.cookie]")
        assert kept == [{"unipose-key": KEY}, {}, ""]
        page.context.close()
