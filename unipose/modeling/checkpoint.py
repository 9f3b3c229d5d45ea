"""Checkpoints: model files (weights and spec, safetensors) and training states (everything a resumed run needs)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unipose.core.files import write_atomically
from unipose.core.model_spec import METADATA_KEY, ModelSpec
from unipose.core.skeleton import Skeleton
from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import ACTIVATIONS, UniPose, deployable
from unipose.modeling.unipose_lstm import Streamed, UniPoseLSTM

KNOW_KEYPOINTS = ("decoder.maps.", "frame.decoder.maps.", "lstm.", "refine.")  # weights for these and no others


def build_network(spec: ModelSpec) -> UniPose | UniPoseLSTM:
    """The spec's network with fresh weights, giving raw maps. Raises ValueError for a network that cannot be built."""
    arguments = dict(spec.network)
    name = arguments.pop("trunk")
    if name not in ZOO:
        raise ValueError(f"no trunk {name!r}; `unipose models` lists them: {', '.join(ZOO)}")
    trunk = Trunk(ZOO[name], arguments.pop("output_stride"), arguments.pop("multi_grid"))
    activation = ACTIVATIONS[arguments.pop("activation")](spec.sigma)
    channels, kernel = arguments.pop("lstm_channels", 0), arguments.pop("lstm_kernel", 0)
    frame = UniPose(trunk, len(spec.skeleton.keypoints), decoder_stride=spec.stride, **arguments)
    return UniPoseLSTM(frame, activation, channels, kernel) if channels else frame


def deployed(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """The network with its final activation: images (and state) to heatmaps (and state), what runtimes run."""
    if isinstance(network, UniPoseLSTM):
        return Streamed(network)
    return deployable(network, spec.network["activation"], spec.sigma)


def save_model(path: Path, weights: Mapping[str, Tensor], spec: ModelSpec, dtype: torch.dtype = torch.float32) -> None:
    """Write a network's weights and its spec, whole or not at all."""
    cast = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    save_weights(path, cast, {METADATA_KEY: spec.to_json()})


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and what the file says of them, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    write_atomically(path, save(tensors, metadata))  # save_file would make it readable by its owner only


def load_model(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """-> the deployed module (float32, evaluation mode) and its spec. Raises ValueError for another kind of file."""
    weights, spec = read_model(path)
    network = build_network(spec)
    network.load_state_dict(weights)
    return deployed(network, spec).eval(), spec


def read_model(path: str | Path) -> tuple[dict[str, Tensor], ModelSpec]:
    """A model file's weights and spec. Raises ValueError for another kind of file."""
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if METADATA_KEY not in metadata:
        raise ValueError(f"{path} carries no UniPose spec; `unipose train` writes files that do")
    return weights, ModelSpec.from_json(metadata[METADATA_KEY])


def start_from(network: UniPose | UniPoseLSTM, path: str | Path, skeleton: Skeleton) -> None:
    """Take over a model file's weights; where its skeleton is another one, all but those that know its keypoints.

    These are the last convolution's and the memory's. A network with memory also takes those of a network of single
    frames, for its frames. Raises ValueError for a file of another network.
    """
    weights, spec = read_model(path)
    if isinstance(network, UniPoseLSTM) and not spec.state_channels:
        network = network.frame
    if spec.skeleton.keypoints != skeleton.keypoints:
        weights |= {name: own for name, own in network.state_dict().items() if name.startswith(KNOW_KEYPOINTS)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} is of another network than the one to be trained: {error}") from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state, whole or not at all."""
    write_atomically(path, lambda part: torch.save(state, part))


def load_state(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
