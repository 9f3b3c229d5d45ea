"""Configuration: what a command line says of a training, and what the file brings that it starts from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unipose.training.config import AugmentConfig, Config, ModelConfig, TrainConfig, given_keys, read_config
from unipose.training.start import ARCHITECTURE, FINE_TUNING, complete, origin

SAMPLE_CONFIG = Config(
    model=ModelConfig(
        name="sample", trunk="res2net_s", multi_grid=(1, 1, 1), wasp_channels=128, wasp_rates=(1, 2, 3),
        decoder_channels=96, dropout=0.0, input_wh=(96, 96), sigma=1.5,
    ),
    augment=AugmentConfig(scale=(0.85, 1.2), rotation=15, shift=0.05, appearance=0, occlusion=0),
    train=TrainConfig(epochs=8, batch_size=16, ema_decay=0.99),
)  # fmt: skip
"""What `unipose train` trains without arguments: minutes on two cores."""


def configure(arguments: Sequence[str]) -> Config:
    """The configuration that a command line says: at most one YAML file, and section.key=value overrides.

    Without a file they override SAMPLE_CONFIG, but with model.start. What is not said comes from the model file that
    the training starts from (`start.complete`), and model and run are called as the file. Raises ValueError, and
    OSError if a file cannot be read.
    """
    files = [argument for argument in arguments if "=" not in argument]
    if len(files) > 1:
        raise ValueError(f"one configuration file at most, got {', '.join(files)}")
    overrides = [argument for argument in arguments if "=" in argument]
    file = Path(files[0]) if files else None
    given = given_keys(file, overrides)
    if file is None and "model.start" not in given:
        return read_config(None, overrides, SAMPLE_CONFIG)
    config = read_config(file, overrides, _called(Config(), file))
    start = origin(config, given)
    if start is None:
        return config
    if not ARCHITECTURE & given:
        config = read_config(file, overrides, _called(FINE_TUNING, file))
    return complete(config, start, given)


def _called(config: Config, file: Path | None) -> Config:
    """The configuration with the name and the run's folder called as a file."""
    if file is None:
        return config
    name, run = replace(config.model, name=file.stem), replace(config.train, run=Path("runs") / file.stem)
    return replace(config, model=name, train=run)
