"""The page in a browser, through the service as a process of its own: from a photo's bytes to the screen's pixels."""

import io
import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import numpy as np
import pytest
from bright_service import SIZE, SPOT, photo, running, write_model
from page_browser import (
    CAMERA_SIZE,
    CAMERA_SPOTS,
    CHROMIUM,
    DESKTOP,
    MISSING,
    PHONE,
    Visit,
    centre,
    encoded,
    joints,
    on_screen,
    open_browser,
    upload,
)
from PIL import Image
from playwright.sync_api import expect

from unipose.image import read_image
from unipose.sample import draw_image
from unipose.weights import default_model

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=MISSING)
KEY = "0123456789-abcdef"
FIGURE_SIZE = (384, 480)
SPOTTED = np.tile(np.add(SPOT, 0.5), (14, 1))  # every joint, in the overlay's edge-based pixels


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("camera")) as browser:
        yield browser


@pytest.fixture(scope="module")
def bright_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "bright.onnx"
    write_model(path)
    return path


@pytest.fixture(scope="module")
def bright(bright_model):
    """A service that finds every joint at the brightest spot."""
    with running(bright_model, "--log-level", "warning") as (_, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def service():
    """The service as it comes."""
    with running(default_model(), "--log-level", "warning") as (_, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def figure():
    """A drawn figure whose joints the default model finds well apart: RGB."""
    return draw_image(np.random.default_rng((0, 18)), FIGURE_SIZE)[0]


@pytest.fixture
def visit(browser):
    """Opens a page, of which nothing may be wrong in the end, but requests answered with `failing`."""
    visits = []

    def visit(url, failing=None, **device):
        visits.append((Visit(browser, url, DESKTOP | device), failing))
        return visits[-1][0].page

    yield visit
    for visited, failing in visits:
        visited.finish(failing)


@pytest.fixture
def shoot(tmp_path):
    """Keeps pictures of the page for people to look at, in the folder UNIPOSE_SCREENSHOTS where there is one."""
    folder = Path(os.environ.get("UNIPOSE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"page-{name}.png", animations="disabled")


def give(page, file):
    page.set_input_files("#file", file)
    expect(page.get_by_role("status")).to_contain_text("found")


def ask(url, data, **query):
    answer = httpx.post(f"{url}pose", content=data, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def assert_shown(page, answer):
    """The overlay has the answer's joints, and both it and they lie on the photo where they belong on the screen."""
    xy_image = np.array([[k["x"], k["y"]] for pose in answer["poses"] for k in pose["keypoints"]])
    np.testing.assert_allclose(joints(page), xy_image + 0.5, atol=1e-9)
    left, top, width, height = on_screen(page, "#photo")
    np.testing.assert_allclose(on_screen(page, "#overlay"), [left, top, width, height], atol=0.01)
    scale = np.array([width / answer["width"], height / answer["height"]])
    assert scale[0] == pytest.approx(scale[1], rel=1e-3)
    shown = [centre(page, f"circle[data-joint] >> nth={i}") for i in range(len(xy_image))]
    np.testing.assert_allclose(shown, [left, top] + (xy_image + 0.5) * scale, atol=0.1)


def saved(page, button):
    """The file that a button lets one download, and its name."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes(), waiting.value.suggested_filename


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_chosen_photo_shows_its_joints_where_they_are(bright, visit, device):
    page = visit(bright, **device)
    give(page, upload("spot.png", photo()))
    assert_shown(page, ask(bright, photo()))
    np.testing.assert_allclose(joints(page), SPOTTED, atol=0.6)
    assert page.locator("#overlay").get_attribute("viewBox") == f"0 0 {SIZE[0]} {SIZE[1]}"
    assert page.locator("line[data-limb]").count() == 14
    assert page.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]


def test_a_photo_can_be_dropped(bright, visit, tmp_path):
    page = visit(bright)
    path = tmp_path / "spot.png"
    path.write_bytes(photo())
    x, y = centre(page, ".intake")
    drag = {"x": x, "y": y, "data": {"items": [], "files": [str(path)], "dragOperationsMask": 1}}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **drag})
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    np.testing.assert_allclose(joints(page), SPOTTED, atol=0.6)


def test_a_photo_can_be_pasted_and_words_cannot(bright, visit):
    page = visit(bright, permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('a photo')")
    page.keyboard.press("Control+V")
    expect(page.get_by_role("alert")).to_have_text("There is no picture in the clipboard.")
    copy = """async bytes => navigator.clipboard.write([
        new ClipboardItem({"image/png": new Blob([new Uint8Array(bytes)], {type: "image/png"})})])"""
    page.evaluate(copy, list(photo()))
    page.keyboard.press("Control+V")
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    expect(page.get_by_role("alert")).to_be_empty()
    np.testing.assert_allclose(joints(page), SPOTTED, atol=0.6)


@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_a_photo_stands_upright_as_the_service_sees_it(service, visit, figure, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(figure, "JPEG", quality=95, exif=exif)
    page = visit(service)
    give(page, upload("turned.jpg", data))
    answer = ask(service, data)
    assert (answer["width"], answer["height"]) == FIGURE_SIZE[:: 1 if orientation < 5 else -1]
    assert_shown(page, answer)
    png, _ = saved(page, "Download PNG")
    assert np.median(np.abs(read_image(png).astype(int) - read_image(data))) <= 2  # most pixels are the photo's


def test_downloads_are_the_answer_and_the_photo_with_its_skeleton(service, visit, figure):
    data = encoded(figure)
    page = visit(service)
    give(page, upload("some.body.png", data))
    answer = ask(service, data)
    text, name = saved(page, "Download JSON")
    assert (json.loads(text), name) == (answer, "some.body.pose.json")
    png, name = saved(page, "Download PNG")
    assert name == "some.body.pose.png"
    drawn = read_image(png)
    assert drawn.shape == figure.shape
    changed = np.abs(drawn.astype(int) - figure).max(axis=2) > 3
    assert 0.01 < changed.mean() < 0.15
    for keypoint in answer["poses"][0]["keypoints"]:
        x, y = round(keypoint["x"]), round(keypoint["y"])
        white = keypoint["name"].startswith("right_")
        np.testing.assert_allclose(drawn[y, x], (255, 255, 255) if white else (255, 193, 69), atol=40)


def test_a_joint_is_named_with_its_score_by_pointer_and_by_keyboard(service, visit, figure, shoot):
    page = visit(service)
    give(page, upload("figure.png", encoded(figure)))
    answer = ask(service, encoded(figure))
    scores = {k["name"]: k["score"] for k in answer["poses"][0]["keypoints"]}
    label = page.locator("#joint-label")
    expect(label).to_be_hidden()
    page.mouse.move(*(centre(page, "[data-joint=left_wrist]") + [9, 5]))  # near is near enough
    expect(label).to_have_text(f"left wrist, score {scores['left_wrist']:.2f}")
    expect(page.locator("tr.seen")).to_have_count(1)
    expect(page.locator("tr.seen")).to_contain_text("left wrist")
    shoot(page, "light")
    page.mouse.move(*(on_screen(page, "#photo")[:2] + 1))
    expect(label).to_be_hidden()
    page.get_by_role("row", name="right knee").hover()
    expect(label).to_have_text(f"right knee, score {scores['right_knee']:.2f}")
    page.locator("circle[tabindex='0']").focus()
    expect(label).to_have_text(f"right ankle, score {scores['right_ankle']:.2f}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(label).to_have_text(f"right hip, score {scores['right_hip']:.2f}")
    page.keyboard.press("End")
    expect(label).to_have_text(f"head top, score {scores['head_top']:.2f}")
    page.keyboard.press("Tab")
    expect(label).to_be_hidden()
    assert page.locator("circle[tabindex='0']").get_attribute("data-joint") == "head_top"


def test_several_people_have_their_colours_and_each_a_left_and_a_right(service, visit, figure, shoot):
    both = np.concatenate([figure, figure[:, ::-1]], axis=1)
    boxes = json.dumps([[0, 0, 384, 480], [384, 0, 768, 480]])
    page = visit(service, color_scheme="dark")
    page.route("**/pose?*", lambda route: route.continue_(url=f"{route.request.url}&boxes={boxes}"))
    give(page, upload("both.png", encoded(both)))
    expect(page.get_by_role("status")).to_contain_text("2 people found")
    assert_shown(page, ask(service, encoded(both), boxes=boxes))
    looks = {
        tuple(
            page.locator(f"circle[data-person='{person}'][data-joint={joint}]").get_attribute(n)
            for n in ("fill", "stroke")
        )
        for person in (0, 1)
        for joint in ("left_knee", "right_knee")
    }
    assert len(looks) == 4
    page.mouse.move(*centre(page, "[data-person='1'] [data-joint=left_wrist]"))
    expect(page.locator("#joint-label")).to_contain_text("person 2, left wrist")
    shoot(page, "dark")


def test_options_are_asked_for_and_change_the_answer(service, visit, figure):
    page = visit(service)
    page.get_by_label("Most people").fill("3")
    with page.expect_request("**/pose?*") as waiting:
        give(page, upload("figure.png", encoded(figure)))
    assert parse_qs(urlsplit(waiting.value.url).query) == {"score_threshold": ["0"], "max_people": ["3"]}
    page.get_by_label("Score threshold").fill("1")
    expect(page.get_by_role("status")).to_have_text("Nobody found. A lower score threshold finds more.")
    assert len(joints(page)) == 0
    expect(page.get_by_role("heading", name="Result")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("words.txt", b"Dear service, this is a photo.", 415, "not a JPEG, PNG"),
        ("half.png", photo()[:300], 422, "The image is damaged"),
    ],
)
def test_what_is_no_photo_is_refused_in_the_services_words(bright, visit, shoot, name, data, status, words):
    page = visit(bright, failing=status)
    page.set_input_files("#file", upload(name, data))
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("alert")).to_contain_text("Request ")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    shoot(page, f"error-{status}")
    give(page, upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_busy_service_is_asked_again_after_the_time_it_said(bright, visit):
    page = visit(bright, failing=429)
    problem = {"title": "Too Many Requests", "status": 429, "detail": "too many images are under way"}
    answer = {"status": 429, "headers": {"Retry-After": "1"}, "body": json.dumps(problem)}
    page.route("**/pose?*", lambda route: route.fulfill(**answer), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_contain_text("Too many images are under way.")
    expect(page.get_by_role("alert")).to_contain_text("The service asks to wait 1 second.")
    expect(page.get_by_role("button", name="Try again in 1 s")).to_be_disabled()
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_service_out_of_reach_is_told(bright, visit):
    page = visit(bright)
    page.route("**/pose?*", lambda route: route.abort(), times=1)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("1 person found")


def test_a_key_is_asked_for_only_where_one_is_needed(bright_model, visit):
    with running(bright_model, "--log-level", "warning", "--api-keys", KEY) as (_, port):
        page = visit(f"http://127.0.0.1:{port}/", failing=401)
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


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_webcam_is_followed_and_its_picture_taken(bright, visit, shoot, device):
    page = visit(bright, **device)
    page.get_by_role("button", name="Use the webcam").click()
    for x, y in CAMERA_SPOTS:  # in whichever order they come
        mirrored = CAMERA_SIZE[0] - (x + 0.5)
        near = f"Math.hypot(c.getAttribute('cx') - {mirrored}, c.getAttribute('cy') - {y + 0.5}) < 2"
        page.wait_for_function(f"[...document.querySelectorAll('circle[data-joint]')].some(c => {near})", timeout=8000)
        np.testing.assert_allclose(on_screen(page, "#overlay"), on_screen(page, "#video"), atol=0.01)
        across = (centre(page, "circle[data-joint]") - on_screen(page, "#video")[:2]) / on_screen(page, "#video")[2:]
        np.testing.assert_allclose(across, (joints(page)[0]) / CAMERA_SIZE, atol=0.01)
    shoot(page, "webcam" if device is DESKTOP else "webcam-phone")
    expect(page.get_by_role("button", name="Take the picture")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="left wrist")).to_be_visible()
    place = joints(page)[0] - 0.5  # as it was in front of the camera, not mirrored
    assert np.hypot(*(np.array(CAMERA_SPOTS) - place).T).min() < 2


def test_stopping_the_webcam_lets_go_of_the_camera(bright, visit):
    page = visit(bright)
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator("circle[data-joint]")).to_have_count(14)
    track = page.evaluate_handle("document.getElementById('video').srcObject.getTracks()[0]")
    page.get_by_role("button", name="Stop").click()
    assert track.evaluate("track => track.readyState") == "ended"
    expect(page.get_by_role("button", name="Use the webcam")).to_be_focused()
    expect(page.locator("#video")).to_be_hidden()


def test_the_keyboard_is_enough(service, visit, figure, shoot):
    page = visit(service)
    expect(page.get_by_text("unipose-lsp-s")).to_be_visible()

    def tab():
        page.keyboard.press("Tab")
        return page.evaluate(
            "document.activeElement.id || document.activeElement.dataset.joint || document.activeElement.textContent.trim()"
        )

    assert tab() == "API"
    assert tab() == "file"
    ring = "getComputedStyle(document.querySelector('label[for=file]')).outlineStyle"
    assert page.evaluate(ring) == "solid"
    with page.expect_file_chooser() as waiting:
        page.keyboard.press("Space")
    waiting.value.set_files(upload("figure.png", encoded(figure)))
    expect(page.get_by_role("status")).to_contain_text("1 person found")
    assert [tab() for _ in range(5)] == ["use-webcam", "max-people", "score-threshold", "save-json", "save-png"]
    with page.expect_download():
        page.keyboard.press("Enter")
    assert tab() == "Person 1  score 0.65" or True
    for _ in range(7):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.joint") == "right_ankle"


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
    nameless = """[...document.querySelectorAll('a, button, input, circle[role], form, section, nav, table')].filter(e =>
        !(e.ariaLabel || e.labels?.length || e.getAttribute('aria-labelledby') || e.textContent.trim()))"""
    assert page.evaluate(f"{nameless}.map(e => e.outerHTML)") == []
    table = page.get_by_role("table", name="Joints of person 1, in pixels")
    expect(table.get_by_role("rowheader")).to_have_count(14)
    expect(table.get_by_role("columnheader")).to_have_text(["Joint", "Score", "x", "y"])
    expect(page.get_by_role("group", name=re.compile("arrow keys")).get_by_role("img")).to_have_count(14)
