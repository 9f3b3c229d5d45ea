"""The page's samples: drawn by the command that says so, found as they were drawn, and shown by one click."""

from pathlib import Path

import make_page_samples
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.page_browser import DESKTOP, PHONE, ask, joints, on_screen
from unipose.core.image import read_image

FOLDER = Path(__file__).parents[3] / "serve" / "page"
FAR = 0.1  # of a figure's height: no joint is found so far from where it was drawn


@pytest.mark.parametrize("name", make_page_samples.SAMPLES)
def test_samples_are_what_their_command_draws(name, tmp_path):
    assert make_page_samples.main(["--out", str(tmp_path)]) == 0
    drawn, shipped = read_image(tmp_path / name), read_image(FOLDER / name)
    assert np.abs(drawn.astype(int) - shipped).mean() < 1  # another JPEG library may round otherwise
    assert (FOLDER / name).stat().st_size < 70_000


@pytest.mark.parametrize("name", make_page_samples.SAMPLES)
def test_everybody_in_a_sample_is_found_joint_by_joint(service, name):
    _, figures = make_page_samples.draw_sample(name)
    poses = ask(service, (FOLDER / name).read_bytes())["poses"]
    assert len(poses) == len(figures)
    nearest = []
    for figure in figures:
        away = [
            max(
                np.hypot(*(figure.xy[k["name"]] - [k["x"], k["y"]]))
                for k in pose["keypoints"]
                if k["name"] in figure.xy
            )
            for pose in poses
        ]
        assert min(away) < FAR * figure.size
        nearest.append(int(np.argmin(away)))
    assert len(set(nearest)) == len(figures)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_sample_shows_people_at_one_click_and_without_scrolling(service, visit, shoot, device):
    page = visit(service, **device)
    assert page.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]
    shoot(page, "welcome" if device is DESKTOP else "welcome-phone")
    button = page.get_by_role("button", name="A group")
    assert on_screen(page, ".sample")[1] < 0.75 * device["viewport"]["height"]
    button.tap() if device is PHONE else button.click()
    expect(page.get_by_role("status")).to_contain_text("4 people found")
    assert len(joints(page)) == 4 * 19
    for part in ("#photo", "#status", "#people > li:last-child"):
        top, height = on_screen(page, part)[[1, 3]]
        assert top >= 0 and top + height <= device["viewport"]["height"], part
    assert page.evaluate("document.documentElement.scrollWidth") == device["viewport"]["width"]
    shoot(page, "sample" if device is DESKTOP else "sample-phone")


def test_a_sample_out_of_reach_is_told(bright, visit):
    page = visit(bright, failing="net::ERR_FAILED")
    page.route("**/page/sample-person.jpg", lambda route: route.abort())
    page.get_by_role("button", name="One person").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached.")
