from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.video_files import numbered, write_video
from unipose.core.image import upright
from unipose.video_io.display import orientation, pixels

# A turn counter-clockwise, and whether left and right are exchanged after it, as EXIF orientations.
TURNS = {(0, False): 1, (0, True): 2, (180, False): 3, (180, True): 4, (90, True): 7, (270, False): 6, (270, True): 5,
         (90, False): 8}  # fmt: skip


def corners(image):
    """Which corners of an image are bright, from the top left on, line by line."""
    height, width = image.shape[:2]
    places = [(y, x) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    return [bool(image[place].mean() > 128) for place in places]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("turn", "expected"), TURNS.items())
def test_all_eight_ways_up(tmp_path, turn, expected, suffix):
    path = write_video(tmp_path / f"v{suffix}", 1, rotation=turn[0], mirrored=turn[1])
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert orientation(frame) == expected
    shown = pixels(frame)
    assert shown.shape == ((64, 48, 3) if expected >= 5 else (48, 64, 3))
    assert corners(shown) == corners(upright(numbered(0), expected)) and sum(corners(shown)) == 1


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turns_are_those_of_another_reader(tmp_path, rotation):
    path = write_video(tmp_path / "v.mp4", 1, rotation=rotation)
    with av.open(str(path)) as container:
        shown = pixels(next(container.decode(video=0)))
    read, other = cv2.VideoCapture(str(path)).read()
    assert read and np.abs(shown.astype(int) - other[..., ::-1]).mean() < 3


MATRICES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1), 5: (0, 1, 1, 0), 6: (0, 1, -1, 0),
    7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip


@given(st.sampled_from(list(MATRICES)), st.floats(0.1, 8), st.floats(-40, 40))
def test_a_matrix_in_between_is_the_nearest_way_up(number, scale, degrees):
    """a, b, c, d map the pixel at (x, y) to (ax + cy, bx + dy); here it is scaled and turned a little further."""
    a, b, c, d = MATRICES[number]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    (a, c), (b, d) = scale * np.array([[cos, -sin], [sin, cos]]) @ np.array([[a, c], [b, d]])
    fixed = np.round(np.array([a, b, 0, c, d, 0, 0, 0, 2**14]) * 2**16).astype("=i4")
    frame = type("Frame", (), {"side_data": SideData(fixed.tobytes())})()
    assert orientation(frame) == number


class SideData:
    def __init__(self, value):
        self._value = value

    def get(self, _):
        return self._value


def test_alpha_is_over_white(tmp_path):
    image = np.zeros((48, 64, 4), np.uint8)
    image[:, 32:] = (200, 40, 90, 255)
    image[:, :16] = (0, 0, 0, 128)
    with av.open(str(tmp_path / "v.mov"), "w") as out:
        stream = out.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        frame = av.VideoFrame.from_ndarray(image, format="rgba")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(str(tmp_path / "v.mov")) as container:
        shown = pixels(next(container.decode(video=0)))
    assert shown[20, 40].tolist() == [200, 40, 90] and shown[20, 20].tolist() == [255] * 3
    assert shown[20, 5].tolist() == [127] * 3
