"""Lays the colours of a mask over its photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.paint import Mask

# Of what alpha is counted in; a byte times this and some more still fits 16 bits.
WHOLE = 256


def blend(
    picture: NDArray[np.uint8],
    mask: Mask,
    colours: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    alpha: float,
) -> NDArray[np.uint8]:
    """uint8 [H,W,3] under the colour of each pixel's class, where that class is `covered`."""
    weights = np.where(covered, round(alpha * WHOLE), 0).astype(np.uint16)
    # One kind of array is compiled for, whatever it was: to the compiler read-only is another one.
    photo, labels = np.ascontiguousarray(picture).view(), np.ascontiguousarray(mask)
    photo.flags.writeable = False
    out = np.empty_like(photo)
    threads.over_rows(len(labels), lambda a, b: _rows(photo, labels, colours, weights, out, a, b))
    return out


@compiled
def _rows(
    picture: NDArray[np.uint8],
    mask: Mask,
    colours: NDArray[np.uint8],
    weights: NDArray[np.uint16],
    out: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """The rows from `first` to before `last`, rounded to the nearest."""
    for y in range(first, last):
        for x in range(mask.shape[1]):
            label = mask[y, x]
            over = np.int32(weights[label])
            under = WHOLE - over
            for channel in range(3):
                mixed = under * picture[y, x, channel] + over * colours[label, channel]
                out[y, x, channel] = (mixed + WHOLE // 2) // WHOLE
