"""Numbers in eight bits, with a scale for each row, as compact models store them.

They are for storage alone: what is read becomes float32 again. Rounding again changes nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 127

# Scales are kept in half precision; smaller ones would lose digits there.
LEAST_SCALE = float(np.finfo(np.float16).tiny)

# Smaller arrays stay as they are: they take little room.
LEAST_NUMBERS = 1024

# What follows the name of an array in the name of its scales.
SCALES = ".scales"


def to_int8(matrix: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Round a matrix (N E) to integers (N E) from -127 to 127, and scales (N) of their rows."""
    largest = np.abs(matrix).max(axis=1, initial=0.0)
    scales = np.maximum(largest / LARGEST, LEAST_SCALE).astype(np.float16)
    integers = np.rint(matrix / scales.astype(np.float32)[:, None])
    return np.clip(integers, -LARGEST, LARGEST).astype(np.int8), scales


def from_int8(integers: NDArray[np.int8], scales: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Compute a matrix (N E) from integers (N E) and the scales (N) of their rows."""
    return integers.astype(np.float32) * scales.astype(np.float32)[:, None]


def is_rounded(array: NDArray[Any]) -> bool:
    """Whether compact storage rounds an array: a matrix that is large enough."""
    return array.ndim == 2 and array.size >= LEAST_NUMBERS and array.dtype.kind == "f"


def rounded(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as it will be after it was stored."""
    return from_int8(*to_int8(array)) if is_rounded(array) else array


def split_weights(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return weights as they are stored: those that are rounded as integers and scales."""
    stored: dict[str, NDArray[Any]] = {}
    for name, array in weights.items():
        if is_rounded(array):
            stored[name], stored[name + SCALES] = to_int8(array)
        else:
            stored[name] = array
    return stored
