"""The examples in the public names' docstrings, run in a folder with the photos that they name."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unipose

SHOWN = {
    "unipose": unipose,
    "load": unipose.load,
    "Predictor.__call__": unipose.Predictor.__call__,
    "Result": unipose.Result,
    "PoseTracker": unipose.PoseTracker,
    "draw_poses": unipose.draw_poses,
    "read_image": unipose.read_image,
}


@pytest.fixture
def photos(figure, tmp_path, monkeypatch):
    """photo.jpg, of a drawn figure, and empty.jpg, of nobody."""
    Image.fromarray(figure).save(tmp_path / "photo.jpg", quality=95)
    Image.fromarray(np.full((300, 400, 3), 128, np.uint8)).save(tmp_path / "empty.jpg")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("name", SHOWN)
def test_the_examples_of_a_docstring_hold(name):
    names = {"unipose": unipose}
    examples = doctest.DocTestParser().get_doctest(SHOWN[name].__doc__, names, name, None, None)
    assert examples.examples
    said = []
    failed, _ = doctest.DocTestRunner().run(examples, out=said.append)
    assert not failed, "".join(said)
    assert len(list(Path().iterdir())) == 2 + SHOWN[name].__doc__.count("save(")
