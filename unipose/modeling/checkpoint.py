"""Files of networks: model files (weights and spec, safetensors) and training states, from which a run resumes."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unipose.core.choice import choose
from unipose.core.files import require_file, write_atomically
from unipose.core.model_spec import METADATA_KEY, ModelSpec, read_spec
from unipose.core.skeleton import Skeleton
from unipose.modeling.torch_file import read_torch_file
from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import ACTIVATIONS, UniPose, deployable
from unipose.modeling.unipose_lstm import DeployedStep, UniPoseLSTM

MAPS = ("decoder.maps.", "frame.decoder.maps.")  # the last convolution, with a row for each keypoint
KEYPOINT_WEIGHTS = (*MAPS, "lstm.", "refine.")  # those that depend on the skeleton


def build_network(spec: ModelSpec) -> UniPose | UniPoseLSTM:
    """The spec's network, newly initialised, which returns raw maps. Raises ValueError if it cannot be built."""
    arguments = dict(spec.network)
    row = choose(ZOO, arguments.pop("trunk"), "trunk")
    trunk = Trunk(row, arguments.pop("output_stride"), arguments.pop("multi_grid"))
    activation = ACTIVATIONS[arguments.pop("activation")](spec.sigma)
    channels, kernel = arguments.pop("lstm_channels", 0), arguments.pop("lstm_kernel", 0)
    arguments |= {"decoder_stride": spec.stride, "input_wh": spec.input_wh}
    frame = UniPose(trunk, len(spec.skeleton.keypoints), **arguments)
    return UniPoseLSTM(frame, activation, channels, kernel) if channels else frame


def deployed(network: nn.Module, spec: ModelSpec) -> nn.Module:
    """The network with its final activation, as runtimes run it: images (and states) -> heatmaps (and next states)."""
    if isinstance(network, UniPoseLSTM):
        return DeployedStep(network)
    return deployable(network, spec.network["activation"], spec.sigma)


def save_model(path: Path, weights: Mapping[str, Tensor], spec: ModelSpec, dtype: torch.dtype = torch.float32) -> None:
    """Write a model file atomically."""
    cast = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    save_weights(path, cast, {METADATA_KEY: spec.to_json()})


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata atomically, as safetensors."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    write_atomically(path, save(tensors, metadata))  # save_file would make it readable for its owner only


def load_model(path: str | Path) -> tuple[nn.Module, ModelSpec]:
    """-> the deployed module (float32, evaluation mode) and its spec. Raises ValueError for another kind of file."""
    weights, spec = read_model(path)
    try:
        network = build_network(spec)
        network.load_state_dict(weights)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: its weights and its spec do not fit: {shorten(repr(error), 200)}"
        ) from error
    return deployed(network, spec).eval(), spec


def read_model(path: str | Path) -> tuple[dict[str, Tensor], ModelSpec]:
    """A model file's weights and spec. Raises ValueError for another kind of file."""
    require_file(Path(path), "model file")
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if METADATA_KEY not in metadata:
        raise ValueError(f"{path} carries no UniPose spec; `unipose train` writes files that do")
    return weights, read_spec(path, metadata)


def start_from(network: UniPose | UniPoseLSTM, path: str | Path, skeleton: Skeleton) -> None:
    """Load a model file's weights; from one with another skeleton all but those that depend on the skeleton.

    These are the recurrent part's and the last convolution's, but for its rows of keypoints that both have, by name. A
    recurrent network also starts from a network of single frames, which becomes its `frame`. Raises ValueError for a
    file of another network.
    """
    weights, spec = read_model(path)
    if isinstance(network, UniPoseLSTM) and not spec.state_channels:
        network = network.frame
    if spec.skeleton.keypoints != skeleton.keypoints:
        places = torch.tensor(spec.skeleton.find(skeleton.keypoints))
        for name, own in network.state_dict().items():
            if name.startswith(MAPS):
                known = (places >= 0).view(-1, *[1] * (own.ndim - 1))
                weights[name] = torch.where(known, weights[name][places].to(own.dtype), own)
            elif name.startswith(KEYPOINT_WEIGHTS):
                weights[name] = own
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} is of another network than the one to be trained: {error}") from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state atomically."""
    write_atomically(path, lambda part: torch.save(state, part))


def load_state(path: Path) -> dict[str, Any]:
    """Raises ValueError for a damaged file, FileNotFoundError for none."""
    state: dict[str, Any] = read_torch_file(path)
    return state
