import onnx
import pytest

from tests.support.onnx_files import INPUTS, red_finder
from unipose.inference.detectors.onnx_operators import operators
from unipose.weights import named_model


def test_operators_are_those_that_onnx_sees(tmp_path):
    for path in (red_finder(tmp_path / "a.onnx", "yolox"), named_model("fp32")):
        assert operators(path) == {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.parametrize("layout", INPUTS)
def test_only_a_decoder_takes_exponentials(tmp_path, layout):
    assert ("Exp" in operators(red_finder(tmp_path / "a.onnx", layout))) == (layout == "yolox")


@pytest.mark.parametrize("data", [b"\x0b\x00", b"\x08\xff\xff", b"not a file of ONNX"])
def test_another_file_is_refused(tmp_path, data):
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.onnx is not an ONNX file"):
        operators(tmp_path / "a.onnx")
