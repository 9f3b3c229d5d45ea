"""ONNX files in two parts: a network up to its heatmaps, and the decoder that reads keypoints off them."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

HEATMAPS = "heatmaps"
PEAKS = ("xy", "peak")  # the decoder's outputs
DECODER_KEY = "unipose_decoder"  # the key of the decoder's name, a row of `heatmap.DECODERS`, in a file's metadata
_OWN = "decoder/"  # how the decoder's nodes and tensors are called in a file that has both


def join(network: "onnx.ModelProto", decoder: "onnx.ModelProto") -> "onnx.ModelProto":
    """A network, and a decoder with the input HEATMAPS and the outputs PEAKS -> the network with these further outputs.

    All that the network had stays as it is, to the bit; its metadata is both's. Their opset must be the same.
    """
    joined = deepcopy(network)
    added = deepcopy(decoder)
    for node in added.graph.node:
        node.name = _named(node.name)
        node.input[:] = map(_named, node.input)
        node.output[:] = map(_named, node.output)
    for tensor in (*added.graph.initializer, *added.graph.value_info):
        tensor.name = _named(tensor.name)
    joined.graph.node.extend(added.graph.node)
    joined.graph.initializer.extend(added.graph.initializer)
    joined.graph.value_info.extend(added.graph.value_info)
    joined.graph.output.extend(added.graph.output)
    joined.metadata_props.extend(added.metadata_props)
    return joined


def split(model: "onnx.ModelProto") -> "tuple[onnx.ModelProto, onnx.ModelProto | None]":
    """The inverse of `join`: the network, and its decoder if it has one."""
    network, decoder = deepcopy(model), deepcopy(model)
    for half, own in ((network, False), (decoder, True)):
        for parts in (half.graph.node, half.graph.initializer, half.graph.value_info):
            _keep(parts, [item for item in parts if item.name.startswith(_OWN) == own])
        _keep(half.graph.output, [item for item in half.graph.output if (item.name in PEAKS) == own])
        _keep(half.metadata_props, [item for item in half.metadata_props if (item.key == DECODER_KEY) == own])
    _keep(decoder.graph.input, [item for item in model.graph.output if item.name == HEATMAPS])
    return network, decoder if decoder.graph.node else None


def _named(name: str) -> str:
    return name if not name or name.startswith(_OWN) or name in (HEATMAPS, *PEAKS) else _OWN + name


def _keep(parts: Any, kept: list[Any]) -> None:
    """Leave these alone in a repeated field."""
    chosen = [deepcopy(item) for item in kept]
    del parts[:]
    parts.extend(chosen)
