"""Finds thin structures: the pixels that lie in no large enough square of their class alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.paint import Mask

# One cell of the factors 1/4, 1/8 and 1/16.
SIDES = (4, 8, 16)


def narrow(labels: Mask, side: int) -> NDArray[np.bool_]:
    """[H,W]: the pixels of structures narrower than `side` pixels.

    Such a pixel lies in no square of `side` x `side` pixels that are all of its label (the class
    does not survive opening by that square there). Void and the picture's edge end a structure.
    """
    if min(labels.shape) < side:
        return np.ones(labels.shape, np.bool_)
    alone = _windows(np.minimum, labels, side) == _windows(np.maximum, labels, side)
    # A pixel is covered where one of the squares that hold it is of one label throughout.
    covered = _windows(np.logical_or, np.pad(alone, side - 1), side)
    return np.asarray(~covered)


def _windows(combine: np.ufunc, values: NDArray[Any], side: int) -> NDArray[Any]:
    """[H-side+1, W-side+1]: all values of each square, combined; by doubling, along each axis."""
    for _ in range(2):
        length = 1
        while length < side:
            step = min(length, side - length)
            values = combine(values[:-step], values[step:])
            length += step
        values = values.T
    return values
