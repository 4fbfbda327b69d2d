"""`soften` in numba: one path for the mode `area`, and what the other modes make of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.factor import axis
from kernels.soften.cpu import gather
from kernels.soften.cpu.area import area
from kernels.soften.cpu.check import checked
from kernels.soften.modes import MAJORITY, NEAREST, RANDOM, centres, drawn


def soften(
    labels: NDArray[np.integer[Any]],
    factor: Fraction,
    classes: int,
    ignore: int,
    *,
    mode: str,
    dtype: np.dtype[Any],
    seed: int,
) -> NDArray[Any]:
    """Class shares [C,h,w] of each cell."""
    plain = checked(labels, classes, ignore)
    rows, columns = axis(labels.shape[0], factor), axis(labels.shape[1], factor)
    if mode == "area":
        return area(plain, rows, columns, classes, dtype)
    # A mode that picks one label for each cell makes a small label map, softened at factor 1.
    if mode == NEAREST:
        chosen = plain[np.ix_(centres(rows), centres(columns))]
    elif mode == RANDOM:
        chosen = plain[drawn(rows, columns, seed)]
    elif mode == MAJORITY:
        chosen = gather.winners(plain, rows, columns, classes)
    else:
        return gather.shares(plain, rows, columns, classes, mode, dtype)
    rows, columns = (axis(side, Fraction(1)) for side in chosen.shape)
    return area(chosen, rows, columns, classes, dtype)
