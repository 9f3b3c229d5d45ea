"""Several people on the page: found, counted, told apart, switched off, and looked for in boxes drawn by hand."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.page_browser import DRAWN, ask, centre, drag, encoded, give, joints, on_screen, upload
from unipose.datasets.synthetic.images import draw_image

WIDTH = 300  # of each drawn person's third of the picture


@pytest.fixture(scope="module")
def three():
    """A photo (PNG) of three drawn people side by side, all of whom the finder sees (it misses some drawings)."""
    return encoded(np.concatenate([draw_image(np.random.default_rng(i), (WIDTH, 480))[0] for i in (6, 7, 8)], axis=1))


def pose_requests(page):
    """The list of queries that the page sends to /pose from here on."""
    sent = []

    def keep(request):
        address = urlsplit(request.url)
        if address.path == "/pose":
            sent.append(parse_qs(address.query))

    page.on("request", keep)
    return sent


def person(page, number):
    return page.get_by_role("list", name="People").get_by_role("listitem").nth(number - 1)


def test_three_people_are_counted_and_told_apart_and_each_has_a_left_and_a_right(service, visit, three, shoot):
    page = visit(service, color_scheme="dark")
    give(page, upload("three.png", three))
    expect(page.get_by_role("status")).to_contain_text("3 people found")
    expect(page.get_by_role("heading", name="3 people")).to_be_visible()
    expect(page.get_by_role("img", name="three.png: 3 people found")).to_be_visible()
    expect(page.get_by_role("switch")).to_have_count(3)
    thirds = set()
    for i, pose in enumerate(ask(service, three)["poses"]):
        x = np.median([keypoint["x"] for keypoint in pose["keypoints"]])
        thirds.add(x // WIDTH)
        expect(person(page, i + 1)).to_contain_text(f"score {pose['score']:.2f}")
    assert thirds == {0, 1, 2}
    looks = {
        tuple(
            page.locator(f"circle[data-person='{number}'][data-joint={joint}]").get_attribute(name)
            for name in ("fill", "stroke")
        )
        for number in range(3)
        for joint in ("left_knee", "right_knee")
    }
    assert len(looks) == 6
    page.mouse.move(*centre(page, "circle[data-person='1'][data-joint=left_knee]"))
    expect(page.locator("#joint-label")).to_contain_text("person 2, left knee")
    expect(page.locator("#people > li.seen")).to_contain_text("Person 2")
    shoot(page, "dark")


def test_a_person_can_be_switched_off_and_on(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    before, sent = joints(page), pose_requests(page)
    drawn = page.locator(f"{DRAWN}[data-person='1']")
    count = drawn.count()
    assert count > 10
    person(page, 2).get_by_role("switch").focus()
    page.keyboard.press("Space")
    expect(person(page, 2).get_by_role("switch")).not_to_be_checked()
    expect(drawn).to_have_count(0)
    expect(page.locator("#overlay > g[data-person='1']")).to_be_hidden()
    assert len(joints(page)) == len(before) - count
    person(page, 2).get_by_text("Person 2", exact=True).click()
    np.testing.assert_array_equal(joints(page), before)
    assert sent == []


def test_the_joint_that_tab_reaches_is_one_that_is_drawn(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    for number in (1, 2):
        expect(page.locator("circle[tabindex='0']")).to_have_attribute("data-person", str(number - 1))
        person(page, number).get_by_role("switch").uncheck()
    expect(page.locator("circle[tabindex='0']")).to_have_attribute("data-person", "2")


@pytest.mark.parametrize("by", ["pointer", "keyboard"])
def test_who_is_pointed_at_in_the_list_stands_out(service, visit, three, by, shoot):
    page = visit(service)
    give(page, upload("three.png", three))
    opacities = "[...document.querySelectorAll('#overlay > g')].map(g => Number(g.getAttribute('opacity')))"
    assert page.evaluate(opacities) == [1, 1, 1]
    if by == "pointer":
        person(page, 2).hover()
    else:
        person(page, 2).get_by_role("switch").focus()
    faint, clear, other = page.evaluate(opacities)
    assert faint == other < 0.5 < clear == 1
    shoot(page, f"highlight-{by}")
    if by == "pointer":
        page.mouse.move(2, 2)
    else:
        page.get_by_role("button", name="Download PNG").focus()
    assert page.evaluate(opacities) == [1, 1, 1]


def test_the_joint_threshold_changes_the_drawing_without_asking_again(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    sent, slider = pose_requests(page), page.get_by_label("Joints from score")
    scores = np.array([[k["score"] for k in pose["keypoints"]] for pose in ask(service, three)["poses"]]).round(2)
    assert (scores < 0.95).any() and (scores > 0.95).any()
    for threshold in (0.95, 0.5, 0.0):
        slider.fill(str(threshold))
        assert len(joints(page)) == (scores >= threshold).sum()
        expect(page.locator("tr.below")).to_have_count(int((scores < threshold).sum()))
        expect(page.locator("#joint-threshold + .value")).to_have_text(f"{threshold:.2f}")
    slider.fill("1")
    limbs = page.locator("#overlay g:not([display=none]) > g:not([display=none]) > line[data-limb]")
    ends = limbs.evaluate_all("all => all.map(line => line.dataset.limb.split('-'))")
    names = set(page.eval_on_selector_all(DRAWN, "all => all.map(circle => circle.dataset.joint)"))
    assert {name for pair in ends for name in pair} <= names
    assert sent == []


def test_the_person_threshold_shows_and_hides_people_without_asking_again(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    sent, slider = pose_requests(page), page.get_by_label("People from score")
    [model] = httpx.get(f"{service}models").json()["models"]
    expect(slider).to_have_value(f"{model['min_score']:g}")  # what the service answers by itself
    scores = [pose["score"] for pose in ask(service, three, score_threshold=0.05)["poses"]]
    for threshold in (0.97, 0.95, 0.05):
        count = sum(score >= threshold for score in scores)
        slider.fill(str(threshold))
        expect(page.locator("#people > li")).to_have_count(count)
        expect(page.locator("#overlay > g")).to_have_count(count)
        expect(page.locator("#person-threshold + .value")).to_have_text(f"{threshold:.2f}")
        expect(page.get_by_role("status")).to_contain_text(f"{count} {'person' if count == 1 else 'people'} found")
    slider.fill("1")
    expect(page.get_by_role("status")).to_contain_text("No person found for sure.")
    expect(page.locator("#result")).to_be_hidden()
    assert sent == []


def test_somebody_in_a_box_is_shown_whatever_the_score(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    page.get_by_label("People from score").fill("1")
    page.get_by_role("button", name="Add a box").click()
    expect(page.get_by_role("heading", name="1 person")).to_be_visible()


def test_a_box_drawn_by_hand_is_asked_about_until_it_is_cleared(service, visit, three, shoot):
    page = visit(service)
    give(page, upload("three.png", three))
    sent = pose_requests(page)
    left, top, width, height = on_screen(page, "#photo")

    def at(x, y):
        return np.array([left, top]) + [x * width, y * height]

    def boxes():
        [box] = json.loads(sent[-1]["boxes"][0])
        return np.array(box)

    expect(page.get_by_role("button", name="Clear the boxes")).to_be_hidden()
    with page.expect_response("**/pose?*"):
        drag(page, at(0.6, 0.98), at(0.35, 0.04))  # from its lower right corner
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    assert np.abs(boxes() - [315, 19.2, 540, 470.4]).max() <= 2
    answer = ask(service, three, boxes=sent[-1]["boxes"][0])
    assert len(joints(page)) == sum(k["score"] >= 0.195 for k in answer["poses"][0]["keypoints"])
    assert (abs(joints(page)[:, 0] - 1.5 * WIDTH) < WIDTH / 2).mean() > 0.9
    shoot(page, "box")
    with page.expect_response("**/pose?*"):
        drag(page, at(0.45, 0.5), at(0.8, 0.5))  # the box itself
    assert np.abs(boxes() - [630, 19.2, 855, 470.4]).max() <= 3
    with page.expect_response("**/pose?*"):
        drag(page, at(0.95, 0.98), at(0.99, 0.9))  # by its corner
    assert np.abs(boxes() - [630, 19.2, 891, 432]).max() <= 4
    page.mouse.click(*at(0.1, 0.5))  # no box: nothing was dragged
    page.get_by_role("button", name="Clear the boxes").click()
    expect(page.get_by_role("status")).to_contain_text("3 people found")
    assert len(sent) == 4 and "boxes" not in sent[-1]
    expect(page.get_by_role("button", name="Add a box")).to_be_focused()
    expect(page.locator("#boxes g")).to_have_count(0)


def test_a_box_can_be_placed_by_keyboard_alone(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    sent = pose_requests(page)
    page.get_by_role("button", name="Add a box").focus()
    with page.expect_response("**/pose?*"):
        page.keyboard.press("Enter")
    assert json.loads(sent[-1]["boxes"][0]) == [[225, 60, 675, 420]]
    box = page.get_by_role("img", name="Box 1. Arrow keys move it")
    expect(box).to_be_focused()
    with page.expect_response("**/pose?*"):
        for key in ("ArrowRight", "ArrowUp", "Shift+ArrowLeft", "Shift+ArrowDown"):
            page.keyboard.press(key)
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    step = np.array([900, 480]) / 50
    expected = np.array([225 + step[0], 60 - step[1], 675, 420])
    assert np.abs(np.array(json.loads(sent[-1]["boxes"][0])) - expected).max() <= 1
    expect(box).to_be_focused()
    with page.expect_response("**/pose?*"):
        page.keyboard.press("Delete")
    expect(page.get_by_role("status")).to_contain_text("3 people found")
    expect(page.get_by_role("button", name="Add a box")).to_be_focused()
    assert len(sent) == 3


def test_another_photo_has_no_boxes_yet(service, visit, three, figure):
    page = visit(service)
    give(page, upload("three.png", three))
    page.get_by_role("button", name="Add a box").click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    sent = pose_requests(page)
    with page.expect_response("**/pose?*"):
        give(page, upload("figure.png", encoded(figure)))
    assert sent == [{"max_people": ["20"], "score_threshold": ["0.05"]}]
    expect(page.locator("#boxes g")).to_have_count(0)


def test_nobody_is_told_and_a_box_still_helps(service, visit, shoot):
    page = visit(service)
    grey = encoded(np.full((240, 320, 3), 128, np.uint8))
    give(page, upload("empty.png", grey))
    expect(page.get_by_role("status")).to_contain_text("No person found.")
    expect(page.get_by_role("img", name="empty.png: No person found")).to_be_visible()
    assert len(joints(page)) == 0
    expect(page.get_by_role("heading", name="people")).to_be_hidden()
    shoot(page, "nobody")
    page.get_by_role("button", name="Add a box").click()
    expect(page.get_by_role("heading", name="1 person")).to_be_visible()


def test_the_most_people_are_asked_for(service, visit, three):
    page = visit(service)
    give(page, upload("three.png", three))
    sent = pose_requests(page)
    page.get_by_label("Most people").fill("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    assert sent == [{"max_people": ["1"], "score_threshold": ["0.05"]}]
