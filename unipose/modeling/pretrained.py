"""Pretrained weights for trunks: torchvision's, timm's or a file's, under the names they have here."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from unipose.modeling.blocks import Basic, Bottleneck, Branch, Res2
from unipose.modeling.torch_file import read_torch_file
from unipose.modeling.trunk import ZOO, Row, Trunk

Names = dict[str, str]  # a module's name here -> its published name
State = Mapping[str, Tensor]

# torchvision's ResNets, whose names timm's ResNets and Res2Nets share: outside the stages, and in a unit.
RESNET_STEMS: dict[str, Names] = {
    "7x7": {"stem.0": "conv1", "stem.1": "bn1"},
    "3x3x3": {f"stem.{i}": f"conv1.{i}" for i in (0, 1, 3, 4, 6)} | {"stem.7": "bn1"},
}
RESNET_UNITS: dict[type[Branch], Names] = {
    Basic: {"0": "conv1", "1": "bn1", "4": "conv2", "5": "bn2"},
    Bottleneck: {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"},
    Res2: {"0": "conv1", "1": "bn1", "3.convs": "convs", "3.norms": "bns", "4": "conv3", "5": "bn3"},
}
# timm's ResNetV2: full pre-activation.
RESNETV2_OUTSIDE: Names = {"stem.0": "stem.conv", "end.0": "norm"}
RESNETV2_UNITS: dict[type[Branch], Names] = {
    Basic: {"0": "conv1", "1": "norm2", "4": "conv2"},
    Bottleneck: {"0": "conv1", "1": "norm2", "3": "conv2", "4": "norm3", "6": "conv3"},
}
HEADS = ("fc.", "head.")  # the classifiers of both libraries, which a trunk does not need
OWN_PREFIX = "trunk."  # of the names in files trained here
COUNTER = "num_batches_tracked"  # of batch norm: no weight, and missing from the oldest files
WRAPPERS = ("state_dict", "model")  # keys under which training scripts save the weights


def map_weights(name: str, state: State) -> dict[str, Tensor]:
    """Weights published for the row `name` of the zoo, or of a network trained here -> a trunk's state dict.

    The classifier's tensors, or of a network trained here all but the trunk's, are dropped; every other one must be
    used. Raises ValueError where names or shapes do not fit, and for a row that neither library publishes.
    """
    if name not in ZOO:
        raise ValueError(f"no trunk {name!r}; choose from {', '.join(ZOO)}")
    row = ZOO[name]
    with torch.device("meta"):
        expected = Trunk(row, row.strides[-1]).state_dict()
    if "stem.0.weight" in state or OWN_PREFIX + "stem.0.weight" in state:
        prefix = "" if "stem.0.weight" in state else OWN_PREFIX
        names = {ours: prefix + ours for ours in expected}
        found = {theirs: tensor for theirs, tensor in state.items() if theirs.startswith(prefix)}
    else:
        names = {ours: published(name, row, ours) for ours in expected}
        found = {theirs: tensor for theirs, tensor in state.items() if not theirs.startswith(HEADS)}
    for ours, theirs in names.items():
        if ours.endswith(COUNTER):
            found.setdefault(theirs, torch.zeros((), dtype=torch.int64))
    check(name, {names[ours]: tensor.shape for ours, tensor in expected.items()}, found)
    return {ours: found[theirs] for ours, theirs in names.items()}


def published(name: str, row: Row, ours: str) -> str:
    """A trunk's tensor under its published name. Raises ValueError for a kind of row that neither library has."""
    kind = type(row.branch)
    if row.order == "original" and row.scheme == "euler" and row.stem in RESNET_STEMS:
        outside, unit, stage = RESNET_STEMS[row.stem], RESNET_UNITS[kind], "layer{:d}.{}."
        first, around = 1, {"shortcut": "downsample"}
    elif row.order == "full_preact" and row.stem == "7x7" and kind in RESNETV2_UNITS:
        outside, unit, stage = RESNETV2_OUTSIDE, RESNETV2_UNITS[kind], "stages.{:d}.blocks.{}."
        first, around = 0, {"shortcut.0": "downsample.conv", "before.0.0": "norm1"}
    else:
        raise ValueError(f"torchvision and timm have no weights for {name}: give a file trained with it here")
    if not ours.startswith("stages."):
        return renamed(ours, outside)
    _, i, j, inner = ours.split(".", 3)
    within = around | {f"branches.0.{module}": theirs for module, theirs in unit.items()}
    return stage.format(int(i) + first, j) + renamed(inner, within)


def renamed(tensor: str, names: Names) -> str:
    for ours, theirs in names.items():
        if tensor.startswith(ours + "."):
            return theirs + tensor.removeprefix(ours)
    raise AssertionError(f"no published name for {tensor}")


def check(name: str, expected: Mapping[str, torch.Size], found: State) -> None:
    """Raise a ValueError that names the tensors that are missing, left over or of another shape."""
    shapes = {key: tuple(found[key].shape) for key in expected if key in found}
    complaints = {
        "missing": [key for key in expected if key not in found],
        "left over": [key for key in found if key not in expected],
        "of another shape": [
            f"{key} {shape} where {tuple(expected[key])} is needed"
            for key, shape in shapes.items()
            if shape != tuple(expected[key])
        ],
    }
    misfits = [f"{what} {len(keys)} ({shortened(keys)})" for what, keys in complaints.items() if keys]
    if misfits:
        raise ValueError(f"these weights are not of {name}. Tensors {'; '.join(misfits)}")


def shortened(keys: Sequence[str], at_most: int = 3) -> str:
    return ", ".join(keys[:at_most]) + (" ..." if len(keys) > at_most else "")


def load_pretrained(trunk: Trunk, row_name: str, source: str | Path) -> None:
    """Load pretrained weights into a trunk of any output stride.

    `source` is a file (.safetensors, or written by torch.save), "torchvision:ResNet50_Weights.IMAGENET1K_V2" or
    "timm:res2net50_26w_4s.in1k"; the libraries cache their downloads, whose hash is checked. Inputs must be normalised
    as in the weights' training: by ImageNet's mean and std, or 0.5 for timm's ResNetV2. Raises ValueError for a source
    that does not exist or does not fit.
    """
    library, _, weights = str(source).partition(":")
    state = LIBRARIES[library](weights) if library in LIBRARIES else read_weights(Path(source))
    try:
        trunk.load_state_dict(map_weights(row_name, state))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def read_weights(path: Path) -> State:
    """A file's tensors by name. Raises ValueError for a missing file, or one that holds anything else."""
    if not path.is_file():
        raise ValueError(
            f"no file {path}; the names of published weights begin with {' or '.join(LIBRARIES)} and a colon"
        )
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged or holds no weights: {error}") from error
    state = read_torch_file(path)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no weights: a dict of tensors is needed, under one of {WRAPPERS} or alone")
    return state


def from_torchvision(name: str) -> State:
    """Published weights by name, as ResNet50_Weights.IMAGENET1K_V2."""
    from torchvision.models import get_weight

    try:
        weights = get_weight(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"torchvision has no weights {name!r}; a name is ResNet50_Weights.IMAGENET1K_V2") from error
    state: State = weights.get_state_dict(check_hash=True, map_location="cpu", weights_only=True)
    return state


def from_timm(name: str) -> State:
    """Published weights by name, as res2net50_26w_4s.in1k, from the Hugging Face hub."""
    try:
        import timm
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    except ImportError as error:
        raise ValueError(f"timm:{name} is downloaded through timm: pip install timm") from error

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # an unknown tag
        raise ValueError(f"timm has no weights {name!r}: {error}") from error
    if config is None or not config.hf_hub_id:
        raise ValueError(f"timm has no weights {name!r}; a name is res2net50_26w_4s.in1k")
    file = config.hf_hub_filename or "model.safetensors"
    path = Path(hf_hub_download(config.hf_hub_id, file))
    # The hub's etag of a large file is its SHA-256.
    expected = get_hf_file_metadata(hf_hub_url(config.hf_hub_id, file)).etag
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != expected:
        raise ValueError(f"{path} has SHA-256 {digest}, the hub's file {expected}: delete it and download again")
    return read_weights(path)


LIBRARIES: dict[str, Callable[[str], State]] = {"torchvision": from_torchvision, "timm": from_timm}
