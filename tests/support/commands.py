"""Commands with good files beside the bad one, for tests of what every verb refuses."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from unipose import cli
from unipose.datasets.synthetic.images import draw_sample
from unipose.weights import default_weights, finder_for, named_model

POSE, FINDER = named_model("fp32"), finder_for(named_model("fp32"))
POSE_PT, FINDER_PT = default_weights(), finder_for(default_weights())
TINY = [
    "model.input_wh=[64,64]", "model.wasp_channels=16", "model.decoder_channels=16", "train.workers=0",
    "train.threads=1", "train.batch_size=4", "train.epochs=1", "data.train=[SET]", "data.val=SET", "train.run=OUT",
]  # fmt: skip
TO = ["--out", "OUT"]
CALIBRATE, QUANTIZE = ["OUT/m.safetensors", "--data"], ["OUT/m.onnx", "--count", "2", "--images"]


@dataclass(frozen=True)
class World:
    """Good files to name beside the bad one, and a folder for results that is not there yet."""

    folder: Path

    def command(self, words, bad=""):
        """BAD, SET, PHOTO, PHOTOS and OUT stand for paths."""
        given = {"BAD": bad, "SET": self.folder / "set" / "train.json", "OUT": self.folder / "out"}
        given |= {"PHOTOS": self.folder / "photos", "PHOTO": self.folder / "photos" / "00001.jpg"}
        return [re.sub("|".join(given), lambda found: str(given[found[0]]), str(word)) for word in words]

    def files(self):
        return {path: path.lstat().st_mtime_ns for path in self.folder.rglob("*") if not path.is_dir()}

    def classes(self):
        """A folder of images of two classes."""
        folder = self.folder.with_name("classes")
        for path in (folder / part / name / f"{i}.jpg" for part in ("train", "val") for name in "ab" for i in range(2)):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / "photos" / "00001.jpg", path)
        return folder

    def small_model(self):
        """A model file that is quickly exported."""
        folder = self.folder.with_name("small")
        if not folder.exists():
            assert cli.main(self.command(["train", *TINY, "train.run=BAD"], folder)) == 0
        return folder / "last.safetensors"


def make_world(folder):
    draw_sample(folder / "set", count=10, seed=1)
    (folder / "photos").mkdir()
    shutil.copy(folder / "set" / "images" / "00001.jpg", folder / "photos")
    return World(folder)
