"""`unipose study variants.yaml [config.yaml] [section.key=value ...]`: variants of one training, side by side."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import torch
from pydantic import TypeAdapter
from rich.console import Console

from unipose.benchmark.throughput import measure_in_turn, step_rate
from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.ranges import within
from unipose.modeling.checkpoint import build_network, load_model
from unipose.modeling.flops import count_macs, count_parameters
from unipose.pipelines.options import add_force
from unipose.training import distributed
from unipose.training.build import build_run
from unipose.training.config import Config, read_yaml
from unipose.training.configuration import configure
from unipose.training.run_log import LogLine, RunLog
from unipose.training.sets import read_data
from unipose.training.variants import SCORE, TABLE, VARIANT, is_table, markdown, run_folder, score_cells

COLUMNS = (VARIANT, *SCORE, "parameters M", "GMAC", "training images/s")
BATCHES = 12  # in each round of timing the variants' training steps
Variants = dict[str, list[str]]


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose study", description=__doc__)
    parser.add_argument("variants", type=Path, help="YAML: each variant's name, and its section.key=value in a list")
    parser.add_argument("config", nargs="*", help="as `unipose train` takes them; what is common to the variants")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once; mind train.threads, of each of them")
    add_force(parser)
    a = parser.parse_intermixed_args(argv)
    return exit_status(lambda: print(study(read_variants(a.variants), a.config, a.seeds, a.jobs, a.force)))


def read_variants(path: Path) -> Variants:
    """Read names with lists of overrides. Raises ValueError for a file with anything else."""
    try:
        return TypeAdapter(Variants).validate_python(read_yaml(path), strict=True)
    except ValueError as error:
        why = " ".join(str(error).split())
        raise ValueError(f'{path} must say, for each variant, name: ["section.key=value", ...]: {why}') from error


def study(variants: Variants, arguments: list[str], seeds: int, processes: int = 1, force: bool = False) -> str:
    """Train every variant with every seed, in processes of their own, and return the table, also written to table.md.

    All variants are trained with one seed before the next, so that an interrupted study has compared them all. A run
    that is complete is not repeated, an interrupted one goes on. At the end the variants' training steps are timed in
    turn. `force`: a table.md of other origin is replaced. Raises ValueError if a training fails.
    """
    within("--seeds", seeds, 1)
    within("--jobs", processes, 1)
    root = configure(arguments).train.run
    refuse_overwrite([root / TABLE], [], is_table, force)
    runs = {
        (name, seed): [*arguments, *overrides, f"train.seed={seed}", f"train.run={run_folder(root, name, seed)}"]
        for seed in range(seeds)
        for name, overrides in variants.items()
    }
    configs = {run: configure(words) for run, words in runs.items()}
    if any(config.data.val is None and config.data.train for config in configs.values()):
        raise ValueError("the study compares validations: name a data.val=")
    with ThreadPoolExecutor(processes) as pool:  # the threads only wait for the processes
        trainings = [pool.submit(_train, configs[run], words) for run, words in runs.items()]
        try:
            for training in trainings:
                training.result()
        except (ValueError, KeyboardInterrupt):  # else those that wait would still begin
            pool.shutdown(cancel_futures=True)
            raise
    speeds = _speeds({name: configs[name, 0] for name in variants})
    lines = {name: [RunLog(configs[name, seed].train.run).read()[-1] for seed in range(seeds)] for name in variants}
    table = _table(lines, {name: _size(configs[name, 0].train.run) for name in variants}, speeds)
    write_atomically(root / TABLE, table.encode())
    return table


def _train(config: Config, arguments: list[str]) -> None:
    folder = config.train.run
    if len(RunLog(folder).read()) >= config.train.epochs:
        return
    resume = ["--resume"] if (folder / "last.pt").exists() else []
    if subprocess.run([sys.executable, "-m", "unipose.train", *arguments, *resume]).returncode:
        raise ValueError(f"the training in {folder} failed; the study goes on from there when started again")


def _speeds(configs: dict[str, Config]) -> dict[str, float]:
    """Images/s of each variant's training step, measured while nothing else trains."""
    device = next(iter(configs.values())).train.device
    with distributed.process_group(device) as own:
        trainings = {}
        for name, config in configs.items():
            training, _ = read_data(config.data, config.train.run / "data", Console())
            trainings[name] = build_run(config, training, None, own)
        speeds = measure_in_turn({name: partial(step_rate, run, BATCHES) for name, run in trainings.items()})
    return {name: median(values) for name, values in speeds.items()}


def _table(lines: dict[str, list[LogLine]], sizes: dict[str, tuple[float, float]], speeds: dict[str, float]) -> str:
    """The study as Markdown; `lines`: of each variant the last line of each seed's log."""
    metric = next(iter(lines.values()))[0]["metric"]
    rows = [
        [name, *score_cells(last), *(f"{size:.2f}" for size in sizes[name]), f"{speeds[name]:.0f}"]
        for name, last in lines.items()
    ]
    return markdown([column.format(metric=metric) for column in COLUMNS], rows)


def _size(folder: Path) -> tuple[float, float]:
    """Parameters in millions and GMAC of the whole network."""
    _, spec = load_model(folder / "last.safetensors")
    with torch.device("meta"):
        network = build_network(spec)
    macs, _ = count_macs(network, spec.input_wh)
    return count_parameters(network) / 1e6, macs / 1e9


if __name__ == "__main__":
    raise SystemExit(main())
