"""Files of torch.save, read without running what may be in them."""

import pickle
from pathlib import Path
from typing import Any

import torch

# What torch.load raises on other bytes: whatever their interpretation as a pickle leads to.
_DAMAGE = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
)  # fmt: skip


def read_torch_file(path: Path) -> Any:
    """What torch.save wrote, on the CPU. Raises ValueError for another or a damaged file, OSError for none."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:  # the text of an error in the pickle is long, and advises to trust the file
        why = "" if isinstance(error, pickle.UnpicklingError) or not str(error) else f": {error}"
        raise ValueError(f"{path} is damaged or holds no weights that torch.save wrote{why}") from error
