"""The page in a browser, end to end with a service process: from a photo's bytes to the screen's pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.bright_service import SIZE, SPOT, photo
from tests.support.page_browser import DESKTOP, DRAWN, PHONE, ask, centre, encoded, give, joints, on_screen, upload
from unipose.core.image import read_image

APART = {f"{side}_{joint}" for side in ("left", "right") for joint in ("wrist", "elbow", "hip", "knee", "ankle")}
THRESHOLD = 0.2  # of the joints that are drawn
SPOTTED = np.tile(np.add(SPOT, 0.5), (14, 1))  # every joint, in the overlay's edge-based pixels


def assert_shown(page, answer):
    """The overlay has the answer's joints, from the threshold on, and covers the photo, and the joints are where they
    belong on the screen.
    """
    keypoints = [k for pose in answer["poses"] for k in pose["keypoints"] if round(k["score"], 2) >= THRESHOLD]
    xy_image = np.array([[k["x"], k["y"]] for k in keypoints])
    np.testing.assert_allclose(joints(page), xy_image + 0.5, atol=1e-9)
    left, top, width, height = on_screen(page, "#photo")
    np.testing.assert_allclose(on_screen(page, "#overlay"), [left, top, width, height], atol=0.01)
    scale = np.array([width / answer["width"], height / answer["height"]])
    assert scale[0] == pytest.approx(scale[1], rel=1e-3)
    shown = [centre(page, f"{DRAWN} >> nth={i}") for i in range(len(xy_image))]
    np.testing.assert_allclose(shown, [left, top] + (xy_image + 0.5) * scale, atol=0.1)


def saved(page, button):
    """Content and name of the file that a button downloads."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_bytes(), waiting.value.suggested_filename


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_chosen_photo_shows_its_joints_where_they_are(bright, visit, device):
    page = visit(bright, **device)
    give(page, upload("spot.png", photo()))
    assert_shown(page, ask(bright, photo()))
    np.testing.assert_allclose(joints(page), SPOTTED, atol=0.6)
    expect(page.get_by_label("People from score")).to_have_value("0")  # this service's people have no scores
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


@pytest.mark.parametrize(("orientation", "quarters"), [(3, 2), (6, 1)])
def test_a_photo_stands_upright_as_the_service_sees_it(service, visit, figure, orientation, quarters):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.ascontiguousarray(np.rot90(figure, quarters)), "JPEG", quality=95, exif=exif)
    page = visit(service)
    give(page, upload("turned.jpg", data))
    answer = ask(service, data)
    assert (answer["width"], answer["height"]) == (384, 480)
    assert len(answer["poses"]) == 1
    assert_shown(page, answer)
    png, _ = saved(page, "Download PNG")
    assert np.median(np.abs(read_image(png).astype(int) - read_image(data))) <= 2  # most pixels are unchanged


def test_what_a_browser_cannot_show_still_gets_its_joints(bright, visit):
    page = visit(bright)
    data = encoded(read_image(photo()), "TIFF")
    give(page, upload("spot.tif", data))
    expect(page.get_by_role("status")).to_contain_text("cannot show this kind of picture")
    np.testing.assert_allclose(joints(page), SPOTTED, atol=0.6)
    expect(page.locator("#photo")).to_be_hidden()
    expect(page.get_by_role("button", name="Download JSON")).to_be_visible()
    expect(page.get_by_role("button", name="Download PNG")).to_be_hidden()


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
        if keypoint["name"] not in APART or keypoint["score"] < 0.5:  # others lie close, or are fainter
            continue
        x, y = round(keypoint["x"]), round(keypoint["y"])
        white = keypoint["name"].startswith("right_")
        np.testing.assert_allclose(drawn[y, x], (255, 255, 255) if white else (255, 193, 69), atol=40)
