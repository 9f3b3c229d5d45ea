"""The programs in examples/ do what they say, on pictures, a video and labels made here, and are short."""

import importlib.util
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unipose.core.image import read_image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def program(name):
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["photo", "video", "finetune"])
def test_it_is_under_forty_lines(name):
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 40


def test_photos(figure, capsys):
    Image.fromarray(figure).save("a.png")
    Image.fromarray(np.full((60, 80, 3), 128, np.uint8)).save("b.png")
    program("photo").main(["a.png", "b.png"])
    said = capsys.readouterr().out
    assert "<Result: 1 person in a.png, 384 x 480>" in said and "<Result: nobody in b.png, 80 x 60>" in said
    assert said.count("right_knee") == 1
    assert read_image("a.poses.jpg").shape == (480, 384, 3) and Path("b.poses.jpg").exists()


def test_a_video(figure, capsys):
    """Of a figure that stands still: the hand is up in the first frame, or never."""
    with av.open("in.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 384, 480, "yuv420p"
        for _ in range(4):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(figure, format="rgb24")))
        out.mux(stream.encode(None))
    module = program("video")
    predictor = module.unipose.load()
    [pose] = predictor(figure)
    names = predictor.spec.skeleton.keypoints
    wrist, shoulder = (pose.xy_image[names.index(f"right_{joint}"), 1] for joint in ("wrist", "shoulder"))
    module.main("in.mp4")
    said = capsys.readouterr().out
    assert said == ("   0.00 s: person 1 raises the right hand\n" if wrist < shoulder else "")


def test_fine_tuning(sample, capsys):
    few = ["train.epochs=1", "train.batch_size=8", "train.workers=0"]
    program("finetune").main(str(sample / "train.json"), str(sample / "images" / "00040.jpg"), *few)
    assert "'left_wrist': [" in capsys.readouterr().out
    assert read_image("finetuned.jpg").shape == (160, 192, 3) and Path("runs/finetuned/last.safetensors").exists()
