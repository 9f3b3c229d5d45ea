"""A video on the page: its frames through the stream, drawn over it, cancelled, played and downloaded."""

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.bright_service import photo, spot
from tests.support.page_browser import DESKTOP, DRAWN, PHONE, joints, on_screen, upload

SMALL, SCALE, RATE, SECONDS = (320, 240), 4, 20, 2  # the video is larger than the frames that the page sends
DONE = {"timeout": 30_000}  # on a busy machine
LOOKING = re.compile(r"\d+ / 300")


def place(seconds, scale=SCALE):
    """Where the spot is, in pixels of the video: it moves to the right, faster than down."""
    return (np.array([60 + 100 * seconds, 70 + 45 * seconds]) + 0.5) * scale - 0.5


def film(path, seconds=SECONDS, rate=RATE, scale=SCALE, **options):
    """A WebM video of a bright spot that moves; `options`: of its container."""
    with av.open(str(path), "w", container_options=options) as container:
        stream = container.add_stream("libvpx", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *(scale * side for side in SMALL), "yuv420p"
        stream.options = {"cpu-used": "8", "deadline": "realtime"}
        for number in range(round(seconds * rate)):
            grey = spot(SMALL, place(number / rate % SECONDS, 1)).repeat(scale, 0).repeat(scale, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([grey] * 3), "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "moving.spot.webm")


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "long.webm", seconds=33, rate=5, scale=1)


def lines(page):
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download JSON lines").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()], waiting.value.suggested_filename


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_video_is_gone_through_and_its_joints_are_where_and_when_they_are(bright, visit, shoot, moving, device):
    page = visit(bright, **device)
    page.set_input_files("#file", moving)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(DRAWN)).to_have_count(14)
    shoot(page, "film" if device is DESKTOP else "film-phone")
    expect(page.get_by_role("status")).to_have_text("20 frames looked at, ten a second; people found in 20.", **DONE)
    np.testing.assert_allclose(on_screen(page, "#overlay"), on_screen(page, "#video"), atol=0.01)
    np.testing.assert_allclose(joints(page), np.tile(place(1.95) + 0.5, (14, 1)), atol=9)  # a frame moves it by 20
    found, name = lines(page)
    assert name == "moving.spot.pose.jsonl"
    assert [line["frame"] for line in found] == list(range(20))
    np.testing.assert_allclose([line["time"] for line in found], np.arange(20) / 10, atol=1e-9)
    for line in found:
        xy = [[joint["x"], joint["y"]] for joint in line["poses"][0]["keypoints"]]
        np.testing.assert_allclose(xy, np.tile(place(line["time"] + 0.05), (14, 1)), atol=9)  # a frame moves it by 20
    assert found[0].keys() == {"frame", "time", "poses"}  # as `unipose video` writes them


def test_the_video_is_played_with_its_joints(bright, visit, moving):
    page = visit(bright)
    page.set_input_files("#file", moving)
    page.get_by_role("button", name="Cancel").focus()
    expect(page.get_by_role("button", name="Play")).to_be_focused(**DONE)  # Cancel has gone
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    first = joints(page)[0][0]
    assert first < place(1)[0]
    expect(page.get_by_role("button", name="Play")).to_be_visible(**DONE)  # at its end
    assert joints(page)[0][0] > place(1.7)[0]


def test_of_a_long_video_the_beginning_is_looked_at_and_where_it_is_cancelled_what_was_found_is_kept(
    bright, visit, long
):
    page = visit(bright)
    page.set_input_files("#file", long)
    expect(page.locator("#pace")).to_have_text(LOOKING)
    expect(page.locator(DRAWN)).to_have_count(14)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    found, _ = lines(page)
    expect(page.get_by_role("status")).to_contain_text(f"{len(found)} frames looked at, ten a second, of the first 30")
    assert 0 < len(found) < 300
    assert [line["frame"] for line in found] == list(range(len(found)))
    expect(page.get_by_role("progressbar")).to_be_hidden()


def test_a_video_that_does_not_say_how_long_it_is_is_gone_through(bright, visit, tmp_path):
    page = visit(bright)
    page.set_input_files(
        "#file", film(tmp_path / "recorded.webm", seconds=1, rate=10, scale=1, live="1")
    )  # its last frame begins at 0.9
    expect(page.get_by_role("status")).to_contain_text("9 frames looked at", **DONE)


def test_another_photo_ends_the_video(bright, visit, long):
    page = visit(bright)
    page.set_input_files("#file", long)
    expect(page.locator("#pace")).to_have_text(LOOKING)
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("status")).to_contain_text("1 person found in")
    for gone in ("#video", "#film"):
        expect(page.locator(gone)).to_be_hidden()
    page.wait_for_timeout(300)
    expect(page.get_by_role("status")).to_contain_text("1 person found in")
    assert not page.evaluate("document.getElementById('video').hasAttribute('src')")


def test_a_stream_that_ends_is_told_and_the_video_begun_again(bright, visit, moving):
    page = visit(bright)

    def end(socket):
        socket.on_message(lambda _: socket.close(code=1012, reason="restarting"))

    page.route_web_socket("**/pose/stream*", end)
    page.set_input_files("#file", moving)
    expect(page.get_by_role("alert")).to_have_text("The service ended the stream.Restarting.")
    page.route_web_socket("**/pose/stream*", lambda socket: socket.connect_to_server())
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("20 frames looked at", **DONE)


def test_two_videos_or_a_video_among_photos_are_refused(bright, visit, moving):
    page = visit(bright)
    page.set_input_files("#file", [upload("spot.webm", moving.read_bytes()), upload("spot.png", photo())])
    expect(page.get_by_role("alert")).to_have_text("Choose photos, or one video: not both at once.")
    expect(page.locator(DRAWN)).to_have_count(0)
