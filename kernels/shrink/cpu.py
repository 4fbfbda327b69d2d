"""`shrink` in numba: each pixel is read once per cell it touches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.factor import axis


def shrink(picture: NDArray[np.uint8], factor: Fraction) -> NDArray[np.uint8]:
    """The mean of each cell, a half rounded to the even neighbour."""
    rows, columns = axis(picture.shape[0], factor), axis(picture.shape[1], factor)
    source = np.ascontiguousarray(picture)
    small = np.empty((rows.cells, columns.cells, picture.shape[2]), np.uint8)
    down = (rows.cell_length, rows.pixel_length)
    across = (columns.cell_length, columns.pixel_length)
    threads.over_rows(rows.cells, lambda a, b: _cells(source, small, down, across, a, b))
    return small


@compiled
def _cells(
    source: NDArray[np.uint8],
    small: NDArray[np.uint8],
    down: tuple[int, int],
    across: tuple[int, int],
    first: int,
    last: int,
) -> None:
    (p, q), (r, s) = down, across
    area = p * r
    channels = source.shape[2]
    line = np.empty(small.shape[1] * channels, np.int64)
    for i in range(first, last):
        line[:] = 0
        for y in range(i * p // q, -((i + 1) * p // -q)):
            height = min((y + 1) * q, (i + 1) * p) - max(y * q, i * p)
            for j in range(small.shape[1]):
                for x in range(j * r // s, -((j + 1) * r // -s)):
                    weight = height * (min((x + 1) * s, (j + 1) * r) - max(x * s, j * r))
                    for c in range(channels):
                        line[j * channels + c] += weight * source[y, x, c]
        for k in range(line.size):
            quotient = (2 * line[k] + area) // (2 * area)
            if quotient % 2 == 1 and quotient * 2 * area == 2 * line[k] + area:
                quotient -= 1
            small[i, k // channels, k % channels] = quotient
