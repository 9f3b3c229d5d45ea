"""The operators that an ONNX file uses, read without the onnx package, which serving does not install."""

from collections.abc import Iterator
from pathlib import Path

# Field numbers of ONNX's onnx.proto, and protobuf's wire types.
GRAPH_OF_MODEL, NODE_OF_GRAPH, OPERATOR_OF_NODE = 7, 1, 4
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def operators(path: str | Path) -> set[str]:
    """The types of the main graph's nodes, as {"Conv", "Sigmoid"}. Raises ValueError for a file that is not ONNX."""
    model = memoryview(Path(path).read_bytes())
    try:
        return {
            bytes(operator).decode()
            for graph in _fields(model, GRAPH_OF_MODEL)
            for node in _fields(graph, NODE_OF_GRAPH)
            for operator in _fields(node, OPERATOR_OF_NODE)
        }
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} is not an ONNX file") from error


def _fields(message: memoryview, number: int) -> Iterator[memoryview]:
    """The length-delimited fields of this number (https://protobuf.dev/programming-guides/encoding)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            _, at = _varint(message, at)
        elif kind == BYTES:
            length, at = _varint(message, at)
            if key >> 3 == number:
                yield message[at : at + length]
            at += length
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"no wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """-> the variable-length integer at an offset, and the offset after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
