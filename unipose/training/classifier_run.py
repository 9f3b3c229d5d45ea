"""ClassifierRun: a trunk trained as a classifier of small images, by the recipes of the papers on residual units."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR

from unipose.core.files import read_json, write_atomically
from unipose.modeling.checkpoint import load_state, save_state
from unipose.modeling.classifier import Classifier
from unipose.modeling.trunk import ZOO
from unipose.training.class_images import SmallImages
from unipose.training.classifier import accuracy, class_trainer
from unipose.training.environment import environment
from unipose.training.loop import NonFiniteLoss, Trainer
from unipose.training.optim import parameter_groups
from unipose.training.run_log import LogLine, RunLog

BATCH, MOMENTUM = 128, 0.9
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10's training images


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum at batches of 128 as a paper used it on CIFAR-10; norms and biases do not decay here.

    `rates`: learning rates, each from which share of the training on, so that a shorter one is the same in small.
    """

    epochs: int
    rates: tuple[tuple[float, float], ...]
    weight_decay: float
    nesterov: bool = False

    def rate(self, done: float) -> float:
        """The learning rate when a share of the training is done."""
        return next(rate for start, rate in reversed(self.rates) if done >= start)


RECIPES = {
    # He et al. 2016, appendix: 64,000 steps, which are 164 epochs, the first 400 of them to warm up.
    "resnet": Recipe(164, ((0, 0.01), (400 / 64_000, 0.1), (0.5, 0.01), (0.75, 0.001)), 1e-4),
    # Zagoruyko & Komodakis 2016, section 3: x 0.2 after 60, 120 and 160 of 200 epochs.
    "wrn": Recipe(200, ((0, 0.1), (0.3, 0.02), (0.6, 0.004), (0.8, 0.0008)), 5e-4, nesterov=True),
}


@dataclass(frozen=True)
class ClassifierSettings:
    """What is trained: a row of the zoo by a row of RECIPES, in so many epochs on so many images, from a seed."""

    trunk: str
    recipe: str
    epochs: int
    images: int
    seed: int


@dataclass
class ClassifierRun:
    """A training and its folder; `lines` are the log's, of the epochs done."""

    settings: ClassifierSettings
    trainer: Trainer
    train: SmallImages
    test: SmallImages
    folder: Path
    lines: list[LogLine] = field(default_factory=list)

    def train_epoch(self) -> LogLine:
        """Train for an epoch, count the errors, and write state and log.

        Randomness depends on the seed and the epoch alone, so a resumed run goes on as if it had not stopped. Raises
        ValueError if the loss is not finite.
        """
        epoch, seed = len(self.lines), self.settings.seed
        torch.manual_seed((seed << 20) + epoch)  # of dropout
        batches = self.train.training_batches(BATCH, np.random.default_rng((seed, epoch)))
        began = perf_counter()
        try:
            loss = self.trainer.train_epoch(batches, lambda loss, images: None)
        except NonFiniteLoss as error:
            raise ValueError(f"{error} in {self.folder}: the recipe's learning rate is too high for it") from error
        seconds = perf_counter() - began
        line = {
            "epoch": epoch + 1,
            "loss": round(loss, 4),
            "lr": self.trainer.scheduler.get_last_lr()[0],
            "images_per_s": round(len(self.train.labels) // BATCH * BATCH / seconds, 1),
            "metric": "error %",
            "validation": round(100 - accuracy(self.trainer, self.test.batches(BATCH)), 2),
        }
        self.lines.append(line)
        save_state(self.folder / "last.pt", {"lines": self.lines, **self.trainer.state_dict()})
        RunLog(self.folder).write(self.lines)
        return line


def open_run(
    settings: ClassifierSettings, train: SmallImages, test: SmallImages, device: torch.device, folder: Path
) -> ClassifierRun:
    """A run in a folder: a new one, or the one that is there, after its last whole epoch.

    Raises ValueError for one with other settings, and for fewer images than a batch.
    """
    if len(train.labels) < BATCH:
        raise ValueError(f"{len(train.labels)} training images do not fill a batch of {BATCH}: give more")
    what = folder / "settings.json"
    now = asdict(settings)
    before = read_json(what) if what.exists() else now
    if changed := [f"{key} {now[key]}, and it was {before.get(key)}" for key in now if now[key] != before.get(key)]:
        raise ValueError(f"{folder} was begun with other settings: {'; '.join(changed)}. Choose another --run")
    write_atomically(what, json.dumps(now).encode())
    torch.manual_seed(settings.seed)
    recipe, total = RECIPES[settings.recipe], settings.epochs * (len(train.labels) // BATCH)
    network = Classifier(ZOO[settings.trunk], len(train.classes))
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = parameter_groups(network, recipe.weight_decay)
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=MOMENTUM, nesterov=recipe.nesterov)
    scheduler = LambdaLR(optimizer, lambda step: recipe.rate(step / total))
    trainer = class_trainer(network, optimizer, scheduler, None, MEAN, STD)
    run = ClassifierRun(settings, trainer, train, test, folder)
    if (folder / "last.pt").exists():
        state = load_state(folder / "last.pt")
        trainer.load_state_dict(state)
        run.lines = state["lines"]
    if len(run.lines) < settings.epochs:
        RunLog(folder).write_environment(len(run.lines) + 1, environment(device))
    return run
