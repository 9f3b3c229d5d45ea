"""Resuming: which settings a training that goes on may change, and that its data are still the same."""

import json
from pathlib import Path
from typing import Any

from unipose.core.model_spec import ModelSpec
from unipose.training.config import Config, read_config, to_dict

FREE_TO_CHANGE = (
    "train.run", "train.epochs", "train.validate_every", "train.workers", "train.threads", "train.device",
    "train.compile", "train.checkpointing",
)  # fmt: skip
"""Keys that say how long, where and how fast is trained, not what is learned."""
_FILES = ("data.train", "data.val", "model.start", "model.pretrained")


def check_config(config: Config) -> None:
    """Raises ValueError where the run in `train.run` was begun with another configuration, naming each key.

    Its optimizer would go on with the old settings, the loss with the new ones. Raises OSError without such a run.
    """
    folder = config.train.run
    if changed := differences(read_config(folder / "config.yaml"), config):
        raise ValueError(
            f"{folder} was begun with other settings: {'; '.join(changed)}. Leave them as they were, or choose another "
            f"train.run=; only {', '.join(FREE_TO_CHANGE)} may change"
        )


def differences(before: Config, now: Config) -> list[str]:
    """Each key that differs, with its new and its old value, but those of FREE_TO_CHANGE."""
    old, new = (
        {f"{section}.{key}": value for section, keys in to_dict(config).items() for key, value in keys.items()}
        for config in (before, now)
    )
    return [
        f"{key}={json.dumps(new[key])}, and it was {json.dumps(old[key])}"
        for key in old
        if key not in FREE_TO_CHANGE and _comparable(key, old[key]) != _comparable(key, new[key])
    ]


def _comparable(key: str, value: Any) -> Any:
    """Of a file, its own name and its folder's: data may have been moved. What is in it tells `check_data`."""
    if key not in _FILES or value is None:
        return value
    return [Path(file).parts[-2:] for file in (value if isinstance(value, list) else [value])]


def check_data(before: ModelSpec, now: ModelSpec) -> None:
    """Raises ValueError where a file that the run learned from has changed since; specs of its model, then and now."""
    old, new = ({d["file"]: d["sha256"] for d in _sources(spec)} for spec in (before, now))
    if changed := [file for file in old if new.get(file, old[file]) != old[file]]:
        raise ValueError(
            f"{', '.join(changed)} changed since the run was begun: put the old one back, or choose another train.run="
        )


def _sources(spec: ModelSpec) -> list[dict[str, Any]]:
    """`file` and `sha256` of what the network learned from."""
    start = spec.provenance.get("start")
    return [*spec.provenance.get("data", ()), *([start] if start else [])]
