"""A headless Chromium with a generated camera film, and helpers for tests of the web page."""

import io
import os
import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.support.bright_service import spot

CHROMIUM = os.environ.get("UNIPOSE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MISSING = "needs a browser: `apt-get install chromium`, or UNIPOSE_CHROMIUM set to the path of Chromium or Chrome"
DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
CAMERA_SIZE, CAMERA_SPOTS = (320, 240), ((90.0, 60.0), (220.0, 150.0))
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip
_FAILED = "Failed to load resource: "  # then the reason: Chromium's message for every 4xx and 5xx


@contextmanager
def open_browser(folder):
    """`folder`: for the camera's film."""
    film = folder / "spot.y4m"
    _write_film(film)
    with sync_playwright() as playwright:
        camera = f"--use-file-for-fake-video-capture={film}"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_ARGUMENTS, camera])
        yield browser
        browser.close()


def _write_film(path):
    """A loop: the spot is at one place for 1.5 seconds, then at the other."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420mpeg2\n" % CAMERA_SIZE)
        for xy in CAMERA_SPOTS:
            luma = np.round(16 + spot(CAMERA_SIZE, xy) * (219 / 255)).astype(np.uint8)
            file.write((b"FRAME\n" + luma.tobytes() + bytes([128]) * (luma.size // 2)) * 15)


class Visit:
    """An open page, all requests that it made, and all errors that the browser reported."""

    def __init__(self, browser, url, device):
        self.url = url
        self.context = browser.new_context(**device)
        self.page = self.context.new_page()
        self.addresses, self.errors = [], []
        self.context.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("websocket", lambda socket: self.addresses.append(socket.url))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def finish(self, failing):
        """Asserts that all requests went to the service and that there are no errors but `failing` requests."""
        self.context.close()
        hosts = {urlsplit(address.removeprefix("blob:")).netloc for address in self.addresses}
        assert hosts == {urlsplit(self.url).netloc}, hosts
        wrong = [text for text in self.errors if not (failing and text.startswith(_FAILED + failing))]
        assert not wrong, wrong


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def upload(name, data):
    """A file as Playwright gives it to a file input."""
    return {"name": name, "mimeType": "", "buffer": data}


def give(page, file):
    page.set_input_files("#file", file)
    expect(page.get_by_role("status")).to_contain_text("found")


def ask(url, data, **query):
    """The answer that the page should show for a photo."""
    answer = httpx.post(f"{url}pose", content=data, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


DRAWN = "#overlay g:not([display=none]) > g:not([display=none]) > circle[data-joint]"


def joints(page):
    """(n, 2): the centres of the circles that are drawn, in the overlay's coordinates."""
    centre = "circle => ['cx', 'cy'].map(name => Number(circle.getAttribute(name)))"
    return np.array(page.eval_on_selector_all(DRAWN, f"all => all.map({centre})")).reshape(-1, 2)


def drag(page, begin, end):
    """The mouse, pressed at one place of the window and let go at another."""
    page.mouse.move(*begin)
    page.mouse.down()
    for part in (0.3, 0.7, 1.0):
        page.mouse.move(*(np.array(begin) + part * (np.array(end) - begin)))
    page.mouse.up()


def on_screen(page, selector):
    """x, y, width and height of an element in the window."""
    box = page.locator(selector).first.bounding_box()
    return np.array([box["x"], box["y"], box["width"], box["height"]])


def centre(page, selector):
    box = on_screen(page, selector)
    return box[:2] + box[2:] / 2
