import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from unipose.core.image import encode_image, read_image
from unipose.core.signature import is_signed, signature, signed

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def plot() -> bytes:
    png = io.BytesIO()
    Figure((1, 1)).savefig(png, format="png")
    return png.getvalue()


FILES = {"jpg": encode_image(PICTURE), "png": encode_image(PICTURE, ".png"), "plot": plot()}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_signed_picture_is_the_same_picture_and_known(tmp_path, file):
    path = tmp_path / "picture"
    path.write_bytes(file)
    before = read_image(path)
    assert not is_signed(path, "overlay")
    path.write_bytes(signed(file, "overlay"))
    assert is_signed(path, "overlay") and not is_signed(path, "run") and np.array_equal(read_image(path), before)
    with Image.open(path) as image:
        image.load()  # checks the sums of a PNG's chunks
        comment = image.info.get("comment") or image.info["Comment"].encode()
    assert comment == signature("overlay").encode()


RUN = signature("run")


@pytest.mark.parametrize(
    ("text", "ours"),
    [(f"# {RUN}\nmodel: {{}}\n", True), ("# mine\n", False), ("", False), (f"{'x' * 200}{RUN}", False)],
)
def test_texts_say_so_at_their_beginning(tmp_path, text, ours):
    (tmp_path / "text").write_text(text)
    assert is_signed(tmp_path / "text", "run") == ours
