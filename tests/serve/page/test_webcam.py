"""The page with a webcam that plays a generated film."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.page_browser import CAMERA_SIZE, CAMERA_SPOTS, DESKTOP, DRAWN, PHONE, joints, on_screen


def wait_for_joints(page, xy):
    for _ in range(200):
        if np.linalg.norm(joints(page) - xy, axis=1).max() < 2:
            return
        page.wait_for_timeout(40)
    raise AssertionError(f"no joints came to {xy} within 8 seconds")


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_webcam_is_followed_and_its_picture_taken(bright, visit, shoot, device):
    page = visit(bright, **device)
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator("circle[data-joint]")).to_have_count(14)
    np.testing.assert_allclose(on_screen(page, "#overlay"), on_screen(page, "#video"), atol=0.01)
    for x, y in CAMERA_SPOTS:
        wait_for_joints(page, (CAMERA_SIZE[0] - (x + 0.5), y + 0.5))  # as in a mirror
    shoot(page, "webcam" if device is DESKTOP else "webcam-phone")
    expect(page.get_by_role("button", name="Take the picture")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 person found in")
    place = joints(page)[0] - 0.5  # in the camera's picture, which is not mirrored
    assert np.hypot(*(np.array(CAMERA_SPOTS) - place).T).min() < 2


def test_a_stream_that_ends_can_be_begun_again(bright, visit):
    page = visit(bright)

    def end(socket):
        socket.on_message(lambda _: socket.close(code=1012, reason="restarting"))

    page.route_web_socket("**/pose/stream*", end)
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.get_by_role("alert")).to_have_text("The service ended the stream.Restarting.")
    page.route_web_socket("**/pose/stream*", lambda socket: socket.connect_to_server())
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("circle[data-joint]")).to_have_count(14)
    expect(page.get_by_role("alert")).to_be_empty()


def test_options_change_while_the_webcam_runs_on(bright, visit):
    page = visit(bright)
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator("circle[data-joint]")).to_have_count(14)
    camera = "document.getElementById('video').srcObject.id"
    before = page.evaluate(camera)
    page.get_by_label("Joints from score").focus()
    page.keyboard.press("End")
    expect(page.locator(DRAWN)).to_have_count(0)
    expect(page.get_by_label("Joints from score")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator(DRAWN)).to_have_count(14)
    page.get_by_label("Most people").fill("3")
    with page.expect_websocket(lambda socket: "max_people=3" in socket.url):
        page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Joints from score")).to_be_focused()
    expect(page.locator(DRAWN)).to_have_count(14)
    assert page.evaluate(camera) == before


@pytest.mark.parametrize("early", [False, True], ids=["running", "while the browser asks"])
def test_stopping_the_webcam_lets_go_of_the_camera(bright, visit, early):
    page = visit(bright)
    expect(page.get_by_text("bright 7")).to_be_visible()
    page.evaluate("""() => {
        const camera = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (...wishes) => (window.asked = new Promise((resolve) =>
            setTimeout(() => resolve(camera(...wishes)), 300)));
    }""")
    page.get_by_role("button", name="Use the webcam").click()
    if not early:
        expect(page.locator("circle[data-joint]")).to_have_count(14)
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("window.asked.then(stream => stream.getTracks().map(track => track.readyState))") == ["ended"]
    expect(page.get_by_role("button", name="Use the webcam")).to_be_focused()
    expect(page.locator("#video")).to_be_hidden()
