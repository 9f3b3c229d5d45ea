import pytest
import torch

from unipose.runtime.torch_device import torch_device


def test_the_cpu_is_always_there():
    assert torch_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    "name", ["", "tpu", "gpu", "cuda:x", "cuda:-1", "cpu:", "cuda:99", "mps", "meta", "privateuseone"]
)
def test_others_are_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match=f"PyTorch has no device '{name}' here; use one of: cpu"):
        torch_device(name)
