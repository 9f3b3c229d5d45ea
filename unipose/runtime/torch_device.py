"""PyTorch's devices by name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def torch_device(name: str) -> "torch.device":
    """cpu, cuda or cuda:N. Raises ValueError for a device that this machine or this PyTorch lacks."""
    import torch

    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # meta has no memory to copy from
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        here = ", ".join(["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))])
        raise ValueError(f"PyTorch has no device {name!r} here; use one of: {here}") from error
    return device
