"""Start: what a training takes over from the model file that it starts from: architecture, input and kind of loss."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from unipose.core.model_spec import ModelSpec
from unipose.core.person_box import has_box, without_box
from unipose.core.skeleton import Skeleton
from unipose.modeling.checkpoint import read_model
from unipose.training.config import Config, ModelConfig, TrainConfig
from unipose.training.loss import LOSSES
from unipose.weights import default_weights, finder_for

_OF_NETWORK = (
    "trunk", "output_stride", "multi_grid", "head", "wasp", "wasp_channels", "wasp_rates", "wasp_shared",
    "decoder_channels",
)  # fmt: skip
_RECURRENT = ("lstm_channels", "lstm_kernel")
_OF_INPUT = ("input_wh", "sigma", "margin", "mean", "std")
ARCHITECTURE = frozenset(f"model.{key}" for key in (*_OF_NETWORK, *_RECURRENT, "decoder_stride", "pretrained"))
"""Keys of which a configuration that starts from a model file has none, or those of the file."""
FINE_TUNING = Config(train=TrainConfig(epochs=15, batch_size=16, lr=1e-3))
"""The defaults of a configuration that says nothing of the architecture, and starts from a model file."""


def origin(config: Config, given: Collection[str]) -> str | None:
    """The model file to start from: `model.start`, or where data alone are `given` the one that comes along."""
    if config.model.start or config.data.train is None or "model.start" in given or ARCHITECTURE & set(given):
        return config.model.start
    pose = default_weights()
    return str(finder_for(pose) if config.model.kind == "finder" else pose)


def complete(config: Config, start: str, given: Collection[str]) -> Config:
    """The configuration with what the model file `start` brings.

    `given`: the keys that somebody wrote, as "train.lr". Raises ValueError, naming keys and file, where those
    contradict the file, and what `read_model` raises.
    """
    model, spec = config.model, read_model(start)[1]
    fixed = _architecture(spec)
    wrong = {key: value for key, value in fixed.items() if f"model.{key}" in given and getattr(model, key) != value}
    if wrong:
        told = ", ".join(f"model.{key}={_written(getattr(model, key))}, not {_written(wrong[key])}" for key in wrong)
        raise ValueError(f"{told} as in {start}, from which the training starts: leave out what that file says")
    free = {key: getattr(spec, key) for key in _OF_INPUT} | {"dropout": spec.network["dropout"]}
    free["box_maps"] = spec.kind == "pose" and has_box(spec.skeleton)
    brought = {"start": start} | fixed | {key: value for key, value in free.items() if f"model.{key}" not in given}
    loss = config.train.loss if "train.loss" in given else _loss_of(spec, config.train.loss)
    return replace(config, model=replace(model, **brought), train=replace(config.train, loss=loss))


def start_skeleton(model: ModelConfig) -> Skeleton | None:
    """The keypoints, but the box's, of the model file that a training starts from; None without one."""
    return None if model.start is None else without_box(read_model(model.start)[1].skeleton)


def _architecture(spec: ModelSpec) -> dict[str, Any]:
    """The keys of ModelConfig that a file's weights depend on. Files made before there was a key have its default."""
    names = (*_OF_NETWORK, *(_RECURRENT if spec.state_channels else ()))
    of_network = {name: _as_configured(spec.network.get(name, getattr(ModelConfig(), name))) for name in names}
    return {"kind": spec.kind, "decoder_stride": spec.stride, **of_network}


def _as_configured(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _written(value: Any) -> str:
    """A value as it is written in YAML."""
    return json.dumps(value).replace('"', "")


def _loss_of(spec: ModelSpec, usual: str) -> str:
    """The usual loss, or where the file's maps are not those of it, the first one whose they are."""
    fitting = [
        name for name, loss in LOSSES.items() if (loss.kind, loss.activation) == (spec.kind, spec.network["activation"])
    ]
    return usual if usual in fitting else fitting[0]
