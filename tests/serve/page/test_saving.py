"""What can be taken away from the page by the clipboard and by sharing; test_page.py has the downloads."""

import json

import pytest
from playwright.sync_api import expect

from tests.support.bright_service import photo
from tests.support.page_browser import PHONE, ask, give, upload

SHARING = """
navigator.canShare = ({files}) => files.every(({type}) => type === "image/png");
navigator.share = async ({files: [file]}) => {
    window.shared = [file.name, [...new Uint8Array(await file.slice(0, 4).arrayBuffer())]];
    if (window.declined) throw new DOMException("no", "AbortError");
};
"""


def test_the_json_is_copied(bright, visit):
    page = visit(bright, permissions=["clipboard-read", "clipboard-write"])
    give(page, upload("spot.png", photo()))
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.get_by_role("status")).to_have_text("The JSON is in the clipboard.")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == ask(bright, photo())


def test_a_clipboard_that_is_not_allowed_is_told(bright, visit):
    page = visit(bright)
    refusal = "() => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.clipboard.writeText = {refusal}; }}")
    give(page, upload("spot.png", photo()))
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.get_by_role("alert")).to_contain_text("did not allow the clipboard")


@pytest.mark.parametrize("declined", [False, True])
def test_the_picture_is_shared_where_the_browser_can(bright, visit, declined):
    page = visit(bright, **PHONE)
    expect(page.get_by_role("button", name="Share")).to_be_hidden()  # this browser cannot
    page.add_init_script(f"{SHARING} window.declined = {json.dumps(declined)};")
    page.reload()
    give(page, upload("spot.png", photo()))
    page.get_by_role("button", name="Share").click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.shared") == ["spot.pose.png", [0x89, *b"PNG"]]
    expect(page.get_by_role("alert")).to_be_empty()


def test_phones_offer_their_camera(bright, visit):
    page = visit(bright, **PHONE)
    page.on("filechooser", lambda _: None)
    with page.expect_file_chooser() as waiting:
        page.get_by_text("Take a photo").click()
    assert waiting.value.element.get_attribute("capture") == "environment"
    waiting.value.set_files(upload("image.jpg", photo()))
    expect(page.get_by_role("status")).to_contain_text("1 person found in")
    expect(visit(bright).get_by_text("Take a photo")).to_be_hidden()
