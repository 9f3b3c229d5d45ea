"""`unipose train [config.yaml] [section.key=value ...]`: train a network; without arguments, on a drawn sample set."""

import argparse
import os
import sys
from pathlib import Path

import yaml
from rich.console import Console

from unipose.cli import INTERRUPTED, exit_status
from unipose.core.arguments import Parser
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.signature import signature
from unipose.evaluation.box_ap import refuse_nobody
from unipose.evaluation.summary import annotated, default_metric, summarise
from unipose.pipelines.options import add_force
from unipose.pipelines.progress import progress
from unipose.training import distributed
from unipose.training.build import build_run
from unipose.training.config import Config, to_dict
from unipose.training.configuration import configure
from unipose.training.environment import environment
from unipose.training.resume import check_config
from unipose.training.run import files, is_file_of_run
from unipose.training.run_log import KIND, RunLog, require_spelling
from unipose.training.sets import read_data


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose train", description=__doc__)
    parser.add_argument("config", nargs="*", help="a YAML file (configs/ has some) and section.key=value overrides")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    add_force(parser)
    arguments = parser.parse_intermixed_args(argv)  # --resume may stand anywhere
    return exit_status(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    config = configure(arguments.config)
    given = [Path(word) for word in arguments.config if "=" not in word]
    by_hand = [path for path in given if not is_file_of_run(path)]  # a run's own may be written again
    refuse_overwrite(files(config.train.run), by_hand, force=True)
    try:
        train(config, arguments.resume, arguments.force)
    except KeyboardInterrupt:
        begun = (config.train.run / "last.pt").exists()
        how = "--resume goes on after the last whole epoch" if begun else "no epoch was done"
        print(f"interrupted: {config.train.run}: {how}", file=sys.stderr)
        return INTERRUPTED
    return 0


def train(config: Config, resume: bool = False, force: bool = False) -> None:
    """Train as configured; the run's folder then holds configuration, log, checkpoint and model files.

    `force`: files of other origin with the names of these are replaced. Processes started by torchrun share every
    batch. Raises ValueError and OSError before the first step for a configuration that cannot work, and ValueError with
    the images' names if the loss is not finite.
    """
    t = config.train
    console = Console(quiet=int(os.environ.get("RANK", 0)) > 0)
    begun = (t.run / "last.pt").exists()
    if begun and not resume:
        raise ValueError(f"{t.run} already holds a run: add --resume to go on with it, or choose another train.run=")
    if resume and not begun:
        raise ValueError(f"{t.run} holds no run to go on with, which has a last.pt: leave --resume out")
    if resume:
        check_config(config)
    require_spelling(t.run.absolute())
    refuse_overwrite(files(t.run), config.files, is_file_of_run, force or resume)
    with distributed.process_group(t.device) as device:
        training, validation = read_data(config.data, t.run / "data", console)
        if validation:  # a set that cannot be judged is refused now, not after the first epoch
            if config.model.kind == "finder":
                validation.require_images()
                refuse_nobody(validation)
            else:
                summarise(default_metric(validation), validation, [annotated(record) for record in validation.records])
        run = build_run(config, training, validation, device)
        if resume:
            run.restore()
        if distributed.rank() == 0:
            text = f"# {signature(KIND)}\n{yaml.safe_dump(to_dict(config), sort_keys=False)}"
            write_atomically(t.run / "config.yaml", text.encode())
            RunLog(t.run).write_environment(len(run.lines) + 1, environment(device))
        epoch_images = len(run.batch_sampler) * t.batch_size * run.dataset.frames
        console.print(
            f"training on {len(run.dataset)} samples, into {t.run}", markup=False, highlight=False, soft_wrap=True
        )
        with progress(console, "images", epoch_images * t.epochs, epoch_images * len(run.lines)) as advance:

            def on_batch(loss: float, images: int) -> None:
                advance(images * distributed.world_size(), f"epoch {len(run.lines) + 1} of {t.epochs}, loss {loss:.3f}")

            while len(run.lines) < t.epochs:
                done = len(run.lines) + 1
                line = run.train_epoch(on_batch, validate=done % t.validate_every == 0 or done == t.epochs)
                console.print(
                    "  ".join(f"{key} {value}" for key, value in line.items()), highlight=False, soft_wrap=True
                )


if __name__ == "__main__":
    raise SystemExit(main())
