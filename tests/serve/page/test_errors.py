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
        ("words.txt", b"Dear service, this is a photo.", 415, "Choose a JPEG, PNG, WebP, BMP or TIFF."),
        ("half.png", photo()[:300], 422, "It may be damaged: save it anew, or choose another one."),
        ("large.bmp", b"BM" + bytes(2**25), 413, "This picture is too large for the service."),
    ],
)
def test_what_is_no_photo_is_refused_with_what_to_choose_and_the_services_words(
    bright, visit, shoot, tmp_path, name, data, status, words
):
    page = visit(bright, failing=f"the server responded with a status of {status}")
    path = tmp_path / name
    path.write_bytes(data)
    page.set_input_files("#file", path)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("alert").locator(".detail")).not_to_be_empty()  # the service's
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    shoot(page, f"error-{status}")
    give(page, upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_be_empty()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1", "IMG_1.HEIC is a HEIC picture"),
        ("cat.gif", b"GIF89a\1\0\1\0", "cat.gif is a GIF. Save it as a JPEG or PNG picture"),
        ("a.avif", b"\0\0\0\x18ftypavif\0\0\0\0", "a.avif is an AVIF picture"),
        ("a.pdf", b"%PDF-1.7", "a.pdf is a PDF"),
        ("a.jpg", b"", "a.jpg is empty"),
        ("broken.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", "cannot play broken.mp4. Choose an MP4 (H.264) or WebM video."),
    ],
)
def test_a_file_that_is_known_is_named_before_anything_is_sent(bright, visit, name, data, words):
    page = visit(bright)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/pose" in request.url else None)
    page.set_input_files("#file", upload(name, data))
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    expect(page.get_by_role("heading", name="Every joint")).to_be_visible()
    assert sent == []


def test_what_can_be_read_is_shown_beside_what_cannot(bright, visit):
    page = visit(bright)
    page.set_input_files("#file", [upload("cat.gif", b"GIF89a"), upload("spot.png", photo())])
    expect(page.get_by_role("alert")).to_contain_text("cat.gif is a GIF")
    expect(page.get_by_role("img", name="spot.png: 1 person found")).to_be_visible()


def test_an_offline_device_is_told(bright, visit):
    page = visit(bright, failing="net::ERR_INTERNET_DISCONNECTED")
    expect(page.get_by_text("bright 7")).to_be_visible()
    page.context.set_offline(True)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_contain_text("This device is offline.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "The service is busy just now."), (503, "The service is starting or stopping.Request a1b2")],
)
def test_a_busy_service_is_asked_again_after_the_time_it_said(bright, visit, status, words):
    page = visit(bright, failing=f"the server responded with a status of {status}")
    headers = {"Retry-After": "1", "X-Request-ID": "a1b2"}
    answer = {"status": status, "headers": headers, "body": json.dumps({"detail": "too many images are under way"})}
    page.route("**/pose?*", lambda route: route.fulfill(**answer), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_have_text(words)
    expect(page.get_by_role("button", name="Try again in 1 s")).to_be_disabled()
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(page.locator("#strip")).to_be_hidden()  # it is the same photo


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
        expect(page.get_by_role("alert")).to_contain_text("does not know this key")
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
