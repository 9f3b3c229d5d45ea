"""Sets: the label files that a configuration names, with one skeleton."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from unipose.core.choice import choose
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.datasets.records import RecordSet, read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.training.config import DataConfig

OWN = "own"  # as data.skeleton: the one that all sets have, whatever model.start has


def read_data(data: DataConfig, sample_dir: Path, console: Console) -> tuple[list[RecordSet], RecordSet | None]:
    """The training sets and the validation set; if none is named the sample set, drawn into `sample_dir`.

    Raises ValueError for a validation set alone.
    """
    paths, val = data.train, data.val
    if paths is None:
        if val:
            raise ValueError(f"data.val={val} judges a training on data.train=, which is missing")
        if not (sample_dir / "train.json").exists():
            console.print(f"drawing the sample set into {sample_dir}")
            draw_sample(sample_dir)
        paths, val = (sample_dir / "train.json",), sample_dir / "test.json"
    training = [read_records(path) for path in paths]
    validation = read_records(val) if val else None
    return training, validation


def common_skeleton(
    data: DataConfig, training: Sequence[RecordSet], validation: RecordSet | None, start: Skeleton | None = None
) -> tuple[list[RecordSet], Skeleton]:
    """The training sets with the keypoints of one skeleton, which is that of the network.

    It is data.skeleton, or that of the model to `start` from where it has every set's keypoints: they are matched by
    name, and a set's missing ones are not labelled; the validation set must have no others. Else it is that of all
    sets. Raises ValueError for sets that do not fit, or have no labelled keypoint.
    """
    sets = [*training, *([validation] if validation else [])]
    for records in sets:
        records.require_keypoints()
    skeleton = None
    if data.skeleton not in (None, OWN):
        skeleton = choose(SKELETONS, data.skeleton, "data.skeleton")
    elif start and data.skeleton != OWN and all(min(start.find(one.skeleton.keypoints)) >= 0 for one in sets):
        skeleton = start
    if skeleton:
        training = [records.onto(skeleton) for records in training]
        names = validation.skeleton.keypoints if validation else ()
        unknown = [name for name, place in zip(names, skeleton.find(names), strict=True) if place < 0]
        if validation and unknown:
            raise ValueError(
                f"{validation.path} has keypoints that {skeleton.name} lacks: {', '.join(sorted(unknown))}"
            )
        return list(training), skeleton
    skeleton = training[0].skeleton
    for other in sets:
        if other.skeleton.keypoints != skeleton.keypoints:
            raise ValueError(
                f"{other.path} has skeleton {other.skeleton.name}, {training[0].path} {skeleton.name}: say which one "
                "the network is to have, as data.skeleton=body19"
            )
    return list(training), skeleton
