"""Accessibility of the page: pointer, keyboard, screen reader, light and dark colour schemes."""

import re

from playwright.sync_api import expect

from tests.support.page_browser import PHONE, ask, centre, encoded, give, on_screen, upload


def test_a_joint_is_named_with_its_score_by_pointer_and_by_keyboard(service, visit, figure, shoot):
    page = visit(service)
    give(page, upload("figure.png", encoded(figure)))
    answer = ask(service, encoded(figure))
    scores = {k["name"]: k["score"] for k in answer["poses"][0]["keypoints"]}
    label = page.locator("#joint-label")
    expect(label).to_be_hidden()
    page.mouse.move(*(centre(page, "[data-joint=left_wrist]") + [9, 5]))  # close to the joint is enough
    expect(label).to_have_text(f"left wrist, score {scores['left_wrist']:.2f}")
    expect(page.locator("tr.seen")).to_have_count(1)
    expect(page.locator("tr.seen")).to_contain_text("left wrist")
    shoot(page, "light")
    page.mouse.move(*(on_screen(page, "#photo")[:2] + 1))
    expect(label).to_be_hidden()
    page.get_by_role("row", name="right knee").hover()
    expect(label).to_have_text(f"right knee, score {scores['right_knee']:.2f}")
    page.locator("circle[tabindex='0']").focus()
    expect(label).to_have_text(f"nose, score {scores['nose']:.2f}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(label).to_have_text(f"right eye, score {scores['right_eye']:.2f}")
    page.keyboard.press("End")
    expect(label).to_have_text(f"head top, score {scores['head_top']:.2f}")
    page.keyboard.press("Tab")
    expect(label).to_be_hidden()
    assert page.locator("circle[tabindex='0']").get_attribute("data-joint") == "head_top"


def test_the_keyboard_is_enough(service, visit, figure, shoot):
    page = visit(service)
    page.on("filechooser", lambda _: None)  # intercept choosers from here on: at the key press it is sometimes too late
    expect(page.get_by_text("unipose-s")).to_be_visible()

    name = "e => e.id || e.dataset.joint || e.labels?.[0].textContent || e.textContent.trim()"

    def tabs(count, key="Tab"):
        for _ in range(count):
            page.keyboard.press(key)
            yield page.evaluate(f"({name})(document.activeElement)")

    assert [*tabs(3)] == ["language", "API", "file"]
    ring = "getComputedStyle(document.querySelector('label[for=file]')).outlineStyle"
    assert page.evaluate(ring) == "solid"
    with page.expect_file_chooser() as waiting:
        page.keyboard.press("Space")
    waiting.value.set_files(upload("figure.png", encoded(figure)))
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    assert [*tabs(5)] == ["use-webcam", "add-box", "person-threshold", "joint-threshold", "max-people"]
    page.locator("#file").focus()
    assert [*tabs(3, "Shift+Tab")] == ["copy-json", "save-json", "save-png"]
    with page.expect_download():
        page.keyboard.press("Enter")
    assert [*tabs(3, "Shift+Tab")] == ["Joints of person 1", "Person 1", "nose"]
    expect(page.locator("#joint-label")).to_contain_text("nose")
    shoot(page, "focus")
    assert [*tabs(2)] == ["Person 1", "Joints of person 1"]
    page.keyboard.press("Space")
    expect(page.get_by_role("table")).to_be_hidden()


def test_colours_follow_the_system_and_motion_may_stop(service, visit, figure, shoot):
    light, dark = (visit(service, color_scheme=scheme) for scheme in ("light", "dark"))
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert min(light.evaluate(ground)) > 200
    assert max(dark.evaluate(ground)) < 60
    shoot(light, "empty")
    still = visit(service, reduced_motion="reduce", **PHONE)
    give(still, upload("figure.png", encoded(figure)))
    motion = "getComputedStyle(document.querySelector('circle[data-joint]')).transitionProperty"
    assert still.evaluate(motion) == "none"
    shoot(still, "phone")


def test_everything_has_a_name_for_those_who_listen(service, visit, figure):
    page = visit(service)
    give(page, upload("figure.png", encoded(figure)))
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("img", name="figure.png: 1 person found")).to_be_visible()
    for role in ("banner", "main", "contentinfo", "status", "alert"):
        expect(page.get_by_role(role)).to_have_count(1)
    everything = "[...document.querySelectorAll('a, button, input, circle[role], form, section, nav, table')]"
    named = "e.ariaLabel || e.labels?.length || e.getAttribute('aria-labelledby') || e.textContent.trim()"
    shown = "e.checkVisibility()"
    assert page.evaluate(f"{everything}.filter(e => {shown} && !({named})).map(e => e.outerHTML)") == []
    table = page.get_by_role("table", name="Joints of person 1, in pixels")
    expect(table.get_by_role("rowheader")).to_have_count(19)
    expect(table.get_by_role("columnheader")).to_have_text(["Joint", "Score", "x", "y"])
    expect(page.get_by_role("group", name=re.compile("arrow keys")).get_by_role("img")).to_have_count(19)
