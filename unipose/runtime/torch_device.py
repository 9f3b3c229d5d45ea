"""PyTorch's devices by name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def torch_device(name: str) -> "torch.device":
    """cpu, cuda or cuda:N -> the device, of a GPU with its number, which a thread's `cuda` need not be.

    Raises ValueError for one that this machine or this PyTorch lacks.
    """
    import torch

    try:
        probe = torch.zeros(1, device=torch.device(name))
        probe.cpu()  # meta has no memory to copy from
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        here = ", ".join(["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))])
        raise ValueError(f"PyTorch has no device {name!r} here; use one of: {here}") from error
    return probe.device
