"""What `shrink` means, in exact integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernels.factor import axis


def shrink(picture: NDArray[np.uint8], factor: Fraction, sight: int = 1) -> NDArray[np.uint8]:
    """The mean of each cell, a half rounded to the even neighbour."""
    rows, columns = (axis(side, factor, sight) for side in picture.shape[:2])
    total = np.einsum(
        "iy,jx,yxc->ijc",
        rows.coverage(),
        columns.coverage(),
        picture.astype(np.int64),
        optimize=True,
    )
    return half_even(total, rows.cell_length * columns.cell_length).astype(np.uint8)


def half_even(total: NDArray[np.int64], area: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """total / area, rounded half to even without leaving the integers."""
    quotient, rest = np.divmod(2 * total + area, 2 * area)
    tied_up = (rest == 0) & (quotient % 2 == 1)
    return np.asarray(quotient - tied_up)
