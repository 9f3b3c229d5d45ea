"""Several photos on the page: thumbnails to switch between."""

import numpy as np
from playwright.sync_api import expect

from tests.support.bright_service import photo, spot
from tests.support.page_browser import encoded, give, joints, upload

SPOTS = ((60.0, 40.0), (140.0, 110.0), (100.0, 75.0))


def photos():
    return [upload(f"{i}.png", encoded(np.dstack([spot((200, 150), xy)] * 3))) for i, xy in enumerate(SPOTS)]


def thumbnail(page, number):
    return page.get_by_role("list", name="Photos").get_by_role("button").nth(number)


def test_several_photos_are_switched_between_and_each_is_asked_about_once(bright, visit, shoot):
    page = visit(bright)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/pose?" in request.url else None)
    give(page, photos())
    expect(page.get_by_role("list", name="Photos").get_by_role("button")).to_have_count(3)
    for number in (0, 1, 2, 1, 0):
        thumbnail(page, number).click()
        expect(page.get_by_role("img", name=f"{number}.png: 1 person found")).to_be_visible()
        expect(thumbnail(page, number)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("[aria-pressed=true]")).to_have_count(1)
        np.testing.assert_allclose(joints(page), np.tile(np.add(SPOTS[number], 0.5), (14, 1)), atol=1)
    assert len(sent) == 3
    shoot(page, "strip")


def test_a_further_photo_joins_the_others_and_one_alone_has_no_strip(bright, visit):
    page = visit(bright)
    give(page, upload("spot.png", photo()))
    expect(page.locator("#strip")).to_be_hidden()
    give(page, photos()[0])
    expect(page.get_by_role("img", name="0.png: 1 person found")).to_be_visible()
    expect(page.get_by_role("button", name="Show spot.png")).to_be_visible()
    thumbnail(page, 0).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="spot.png: 1 person found")).to_be_visible()
    expect(thumbnail(page, 0)).to_be_focused()


def test_a_photo_that_is_refused_leaves_the_strip(bright, visit):
    page = visit(bright, failing="the server responded with a status of 422")
    give(page, photos())
    page.set_input_files("#file", upload("half.png", photo()[:300]))
    expect(page.get_by_role("alert")).to_contain_text("It may be damaged")
    expect(page.get_by_role("list", name="Photos").get_by_role("button")).to_have_count(3)
    thumbnail(page, 1).click()
    expect(page.get_by_role("img", name="1.png: 1 person found")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def test_other_options_count_for_every_photo(bright, visit):
    page = visit(bright)
    give(page, photos())
    page.get_by_label("Most people").fill("2")
    with page.expect_request("**/pose?max_people=2*"):
        page.keyboard.press("Enter")
    with page.expect_request("**/pose?max_people=2*"):
        thumbnail(page, 1).click()


def test_the_oldest_photos_go_first(bright, visit):
    page = visit(bright)
    give(page, photos() * 8)
    give(page, upload("spot.png", photo()))
    expect(page.get_by_role("list", name="Photos").get_by_role("button")).to_have_count(24)
    expect(page.get_by_role("button", name="Show spot.png")).to_have_attribute("aria-pressed", "true")
    page.set_input_files("#file", photos() * 9)
    expect(page.get_by_role("alert")).to_have_text("Choose at most 24 photos at once.")
