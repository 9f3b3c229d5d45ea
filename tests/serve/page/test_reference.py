"""The reference at /docs: every operation and kind of error is on it, its forms work, and no other host is asked."""

import httpx2 as httpx
from playwright.sync_api import expect

from serve.http.problems import KINDS
from tests.support.bright_service import WHOLE, photo, running
from tests.support.page_browser import PHONE, upload

KEY = "0123456789abcdef"


def test_every_operation_and_error_is_there(bright, visit, shoot):
    page = visit(f"{bright}docs")
    paths = httpx.get(f"{bright}openapi.json").json()["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids)) > 5
    expect(page.locator("details.operation")).to_have_count(len(ids))
    for name in (*ids, *KINDS):
        expect(page.locator(f"#{name}")).to_have_count(1)
    page.get_by_role("link", name="POST /pose", exact=True).click()
    opened = page.locator("#find_poses")
    expect(opened.get_by_role("cell", name="score_threshold", exact=True)).to_be_visible()
    expect(opened.get_by_role("cell", name="415", exact=True)).to_be_visible()
    shoot(page, "reference")


def test_a_problems_type_is_an_address_on_it(bright, visit):
    problem = httpx.post(f"{bright}pose", content=b"GIF89a").json()
    page = visit(bright.rstrip("/") + problem["type"])
    expect(page.locator(":target, #unsupported-media")).to_contain_text("415")
    expect(page.locator("#unsupported-media")).to_be_in_viewport()


def test_a_request_is_sent_and_its_answer_shown(bright, visit, shoot):
    page = visit(f"{bright}docs#find_poses", **PHONE)
    expect(page.locator("#find_poses > p").first).to_contain_text("With boxes (query, form or JSON)")
    form = page.locator("#find_poses form")
    form.get_by_label("image", exact=True).set_input_files(upload("spot.png", photo()))
    form.get_by_label("boxes").fill("[[20, 10, 190, 140]]")
    form.get_by_role("button", name="Send").click()
    expect(form.locator("pre")).to_contain_text('"right_ankle"')
    expect(form.locator(".answer")).to_contain_text("total;dur=")
    form.get_by_label("Accept").select_option("image/png")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("img", name="The answer")).to_be_visible()
    shoot(page, "reference-phone")


def test_a_key_goes_along(bright_model, visit):
    with running(bright_model, *WHOLE, "--log-level", "warning", "--api-keys", KEY) as (_, port):
        page = visit(f"http://127.0.0.1:{port}/docs#list_models", failing="the server responded with a status of 401")
        form = page.locator("#list_models form")
        form.get_by_role("button", name="Send").click()
        expect(form.locator(".answer")).to_contain_text("401")
        page.get_by_label("API key").fill(KEY)
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"bright"')
