"""TrainingRun: a training from epoch to epoch, with validation, checkpoints and log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch

from unipose.core.files import is_model_file
from unipose.core.model_spec import ModelSpec
from unipose.core.signature import is_signed
from unipose.datasets.records import RecordSet
from unipose.evaluation.box_ap import box_ap, find_people
from unipose.evaluation.predictions import predict_records
from unipose.evaluation.summary import default_metric, summarise
from unipose.inference.detectors.finder import Finder
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import deployed, load_state, read_model, save_model, save_state
from unipose.runtime.engines import Torch
from unipose.training import distributed
from unipose.training.dataset import Batch, PoseDataset
from unipose.training.finder_dataset import FinderDataset
from unipose.training.loop import NonFiniteLoss, Trainer
from unipose.training.resume import check_data
from unipose.training.run_log import KIND, LogLine, RunLog, box_pictures, pose_pictures


def files(folder: Path) -> list[Path]:
    """What a run writes in its folder, apart from tensorboard/, which only grows."""
    logs = ("config.yaml", "environment.jsonl", "log.jsonl", "curves.png", "predictions.jpg")
    return [folder / name for name in (*logs, "last.safetensors", "best.safetensors", "last.pt")]


def is_file_of_run(path: Path) -> bool:
    """Whether a file was written by a run; of last.pt, which says that there is one, it is not known."""
    if path.suffix == ".jsonl":
        return path.read_bytes().startswith(b'{"epoch": ')
    return is_model_file(path) or is_signed(path, KIND)


@dataclass
class TrainingRun:
    """A training and its folder; `lines` are those of the epochs done. Of several processes the first one writes."""

    trainer: Trainer
    dataset: PoseDataset | FinderDataset
    batch_sampler: distributed.DistributedBatchSampler
    loader: Iterable[Batch]
    spec: ModelSpec
    validation: RecordSet | None
    folder: Path
    lines: list[LogLine] = field(default_factory=list)

    def train_epoch(self, on_batch: Callable[[float, int], None], validate: bool = True) -> LogLine:
        """Train for an epoch, validate, write checkpoint and log; `on_batch(loss, images)` is called after each batch.

        Randomness (order, augmentation, dropout) depends on the seed and the epoch alone, so a resumed run goes on
        as if it had not stopped. Raises ValueError with the images' names if the loss is not finite, and for an image
        that cannot be read, a loader that dies and a device whose memory is too small.
        """
        epoch = len(self.lines)
        self.dataset.epoch = self.batch_sampler.epoch = epoch
        torch.manual_seed((self.dataset.seed << 20) + (epoch << 10) + distributed.rank())
        began = perf_counter()
        try:
            loss = self.trainer.train_epoch(self.loader, on_batch)
        except NonFiniteLoss as error:
            names = ", ".join(sorted({str(path) for i in error.indices for path in self.dataset.image_paths(i)}))
            raise ValueError(f"{error} on a batch of these images; try a lower train.lr: {names}") from error
        except torch.OutOfMemoryError as error:
            size = self.batch_sampler.batch_size
            raise ValueError(f"{error}; try a lower train.batch_size than {size}, and train.accumulate") from error
        except (ValueError, OSError) as error:  # of a loader's process it comes with a traceback
            *before, last = str(error).strip().splitlines()
            raise ValueError(last.partition(": ")[2] if before else last) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise ValueError(
                f"a loader's process died, as where memory is short; try fewer train.workers: {error}"
            ) from error
        seconds = perf_counter() - began
        images = len(self.batch_sampler) * self.batch_sampler.batch_size * self.dataset.frames
        line = {
            "epoch": epoch + 1,
            "loss": round(loss, 4),
            "lr": self.trainer.scheduler.get_last_lr()[0],
            "images_per_s": round(images / seconds, 1),
            "seconds": round(seconds, 1),
        }
        self.lines.append(line)
        if distributed.rank() == 0:
            if validate and self.validation:
                line |= self.validate(self.validation)
            self.save()
        return line

    def validate(self, record_set: RecordSet) -> LogLine:
        """The set's usual metric, or a finder's box AP, by what is served, and predictions.jpg."""
        runtime = Torch.of_module(deployed(self.trainer.result, self.spec), self.spec, str(self.trainer.device))
        if self.spec.kind == "finder":
            found = find_people(Finder(runtime, 0.01), record_set)
            numbers = {name: value and round(value, 2) for name, value in box_ap(found, record_set).items()}
            line = {"metric": "box AP", "validation": numbers.pop("AP"), **numbers}
            pictures = box_pictures(record_set, found)
        else:
            window = 1 if self.dataset.frames == 1 else 0  # trained on single frames, judged on them
            poses = predict_records(Predictor(runtime), record_set, window=window)
            summary = summarise(default_metric(record_set), record_set, poses)
            line = {"metric": summary["metric"], "validation": round(summary["mean"], 2)}
            pictures = pose_pictures(record_set, poses)
        RunLog(self.folder).write_predictions(pictures)
        return line

    def save(self) -> None:
        """last.safetensors, best.safetensors after the best validation, last.pt to resume from, and the log.

        Each file is written atomically: a run that is killed resumes from the last complete epoch.
        """
        save_model(self.folder / "last.safetensors", self.trainer.result.state_dict(), self.spec)
        values = [line["validation"] for line in self.lines if "validation" in line]
        if "validation" in self.lines[-1] and values[-1] == max(values):
            save_model(self.folder / "best.safetensors", self.trainer.result.state_dict(), self.spec)
        save_state(self.folder / "last.pt", {"lines": self.lines, **self.trainer.state_dict()})
        RunLog(self.folder).write(self.lines)

    def restore(self) -> None:
        """Load last.pt, to go on from there. Raises FileNotFoundError, and ValueError for the state of another network,
        or one that learned from other data.
        """
        path = self.folder / "last.pt"
        state = load_state(path)
        check_data(read_model(self.folder / "last.safetensors")[1], self.spec)
        try:
            self.trainer.load_state_dict(state)
            self.lines = state["lines"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is of another configuration: {error}") from error
