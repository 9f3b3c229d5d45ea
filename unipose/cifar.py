"""`unipose cifar variants.yaml [DATA]`: trunks as classifiers of small images, several seeds of each, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import ConfigDict, TypeAdapter
from rich.console import Console

from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.choice import choose
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.ranges import within
from unipose.modeling.classifier import Classifier
from unipose.modeling.flops import count_macs, count_parameters
from unipose.modeling.trunk import ZOO
from unipose.pipelines.options import add_force, read_options
from unipose.runtime.torch_device import torch_device
from unipose.training.class_images import SmallImages, read_small
from unipose.training.classifier_run import RECIPES, ClassifierSettings, open_run
from unipose.training.config import read_yaml
from unipose.training.run_log import LogLine
from unipose.training.variants import SCORE, TABLE, VARIANT, is_table, markdown, run_folder, score_cells

COLUMNS = (VARIANT, *SCORE, "published", "parameters M", "GMAC")


@dataclass(frozen=True)
class Variant:
    """A row of the table: a trunk of the zoo, how it is trained, and the error in percent published for it, if any."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    trunk: str
    recipe: str = "resnet"
    published: float | None = None

    def __post_init__(self) -> None:
        choose(ZOO, self.trunk, "trunk")
        choose(RECIPES, self.recipe, "recipe")


@dataclass(frozen=True)
class CifarOptions:
    """How all variants are trained. Raises ValueError for values that cannot be."""

    run: Path = Path("runs/cifar")
    """The folder of the runs and of table.md."""
    seeds: int = 5
    epochs: int | None = None
    """None: as many as the recipe was published with; fewer shrink its schedule."""
    images: int | None = None
    """To train on, chosen by chance; None: all."""
    threads: int = 0
    """On a CPU; 0: one per core."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"

    def __post_init__(self) -> None:
        within("--seeds", self.seeds, 1)
        within("--epochs", self.epochs, 1)
        within("--images", self.images, 1)
        within("--threads", self.threads, 0)


def main(argv: list[str] | None = None) -> int:
    defaults = CifarOptions
    parser = Parser(prog="unipose cifar", description=__doc__)
    parser.add_argument("variants", type=Path, help="YAML: each variant's name, and its {trunk, recipe, published}")
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        help="CIFAR-10's files for Python, or train/CLASS/ and test/CLASS/; default: drawn",
    )
    parser.add_argument("--run", type=Path, default=defaults.run, help="folder of the runs (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=defaults.seeds, help="of each variant (default %(default)s)")
    parser.add_argument("--epochs", type=int, help="shrinks the schedule (default: as published)")
    parser.add_argument("--images", type=int, help="to train on (default: all)")
    parser.add_argument("--threads", type=int, default=defaults.threads, help="on a CPU; 0: one per core")
    parser.add_argument("--device", default=defaults.device)
    add_force(parser)
    arguments = parser.parse_intermixed_args(argv)

    def run() -> None:
        options = read_options(CifarOptions, arguments)
        refuse_overwrite([options.run / TABLE], [arguments.variants], is_table, arguments.force)
        variants, data = read_variants(arguments.variants), read_small(arguments.data)
        print(compare(variants, *data, options, Console(stderr=True)), end="")

    return exit_status(run)


def read_variants(path: Path) -> dict[str, Variant]:
    """Read the rows of a table. Raises ValueError for a file with anything else."""
    try:
        return TypeAdapter(dict[str, Variant]).validate_python(read_yaml(path))
    except ValueError as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{path} must say, for each variant, name: {{trunk: resnet18, ...}}: {why}") from error


def compare(
    variants: Mapping[str, Variant], train: SmallImages, test: SmallImages, o: CifarOptions, console: Console
) -> str:
    """Train every variant with every seed, and return the table, also written to table.md.

    All variants are trained with one seed before the next, and the table is written after each training, so that an
    interrupted comparison has compared what it could. A run that is complete is not repeated, an interrupted one goes
    on. Raises ValueError for a run that was begun with other settings.
    """
    if o.threads:
        torch.set_num_threads(o.threads)
    device = torch_device(o.device)
    torch.backends.cudnn.benchmark = device.type == "cuda"  # all batches have one size
    train = train.subset(o.images)
    last: dict[str, list[LogLine]] = {name: [] for name in variants}
    table = ""
    for seed in range(o.seeds):
        for name, variant in variants.items():
            epochs = o.epochs or RECIPES[variant.recipe].epochs
            settings = ClassifierSettings(variant.trunk, variant.recipe, epochs, len(train.labels), seed)
            run = open_run(settings, train, test, device, run_folder(o.run, name, seed))
            while len(run.lines) < epochs:
                line = run.train_epoch()
                numbers = "  ".join(f"{key} {line[key]}" for key in ("loss", "validation", "images_per_s"))
                console.print(
                    f"{name}, seed {seed}, epoch {line['epoch']} of {epochs}: {numbers}",
                    highlight=False,
                    soft_wrap=True,
                )
            last[name].append(run.lines[-1])
            table = table_of({name: variants[name] for name in variants if last[name]}, last, train)
            write_atomically(o.run / TABLE, table.encode())
    return table


def table_of(variants: Mapping[str, Variant], last: Mapping[str, list[LogLine]], images: SmallImages) -> str:
    """The comparison as Markdown; `last`: of each variant the last line of each seed's log."""
    rows = []
    for name, variant in variants.items():
        with torch.device("meta"):
            network = Classifier(ZOO[variant.trunk], len(images.classes))
        height, width = images.images.shape[1:3]
        macs, _ = count_macs(network, (width, height))
        published = "" if variant.published is None else f"{variant.published:.2f}"
        cost = [f"{count_parameters(network) / 1e6:.2f}", f"{macs / 1e9:.3f}"]
        rows.append([name, *score_cells(last[name]), published, *cost])
    return markdown([column.format(metric="error %") for column in COLUMNS], rows)


if __name__ == "__main__":
    raise SystemExit(main())
