"""Shared types: one name for each kind of numpy array, and for a JSON object."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
"""Of any precision."""
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.integer[Any]]
Int64 = NDArray[np.int64]
Index = NDArray[np.intp]
UInt8 = NDArray[np.uint8]

RGB = UInt8
"""An upright image (H, W, 3)."""
Boxes = Float64
"""box_xyxy (N, 4) at pixel edges."""

Real = int | float | Fraction
"""A number of an option."""

Json = dict[str, Any]
"""An object in a JSON file or response."""
