"""`shrink` in numba: adds up the rows of a band of cells, then the columns of each cell."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.factor import axis
from kernels.shrink.cpu.spans import Naturals, spans

Bytes = NDArray[np.uint8]
# The largest cells whose bytes add up in 16 and in 32 bits.
SMALL_AREA, LARGE_AREA = (2**16 - 1) // 255, (2**32 - 1) // 255


def shrink(picture: Bytes, factor: Fraction, sight: int = 1) -> Bytes:
    """The mean of each cell, a half rounded to the even neighbour."""
    rows, columns = (axis(side, factor, sight) for side in picture.shape[:2])
    # One line of bytes per row of pixels: which colour is which matters to the columns alone.
    source = np.ascontiguousarray(picture).reshape(picture.shape[0], -1)
    small = np.empty((rows.cells, columns.cells * 3), np.uint8)
    p, r, area = rows.cell_length, columns.cell_length, rows.cell_length * columns.cell_length
    if rows.pixel_length == columns.pixel_length == 1 and area <= LARGE_AREA:
        kind = np.uint16 if area <= SMALL_AREA else np.uint32
        # The type is handed over as an array of it.
        like = np.empty(0, kind)
        threads.over_rows(rows.cells, lambda a, b: _whole(source, small, like, p, r, a, b))
    else:
        high, wide = spans(rows), spans(columns)
        threads.over_rows(rows.cells, lambda a, b: _shared(source, small, *high, *wide, area, a, b))
    return small.reshape(rows.cells, columns.cells, 3)


@compiled
def _whole(
    source: Bytes, small: Bytes, like: NDArray[Any], p: int, r: int, first: int, last: int
) -> None:
    """Cells of p x r whole pixels, added up in the type of `like`."""
    line, spare = np.empty(source.shape[1], like.dtype), np.empty(source.shape[1], like.dtype)
    for i in range(first, last):
        _add_rows(source[i * p : (i + 1) * p], line)
        width, size = r, line.size
        while width % 2 == 0:
            _add_neighbours(line[:size], spare)
            line, spare = spare, line
            width, size = width // 2, size // 2
        if width > 1:
            _add_columns(line[:size], width, spare)
            line, spare = spare, line
        _divide(line, p * r, small[i])


@compiled
def _add_rows(rows: Bytes, line: NDArray[Any]) -> None:
    for k in range(line.size):
        line[k] = rows[0, k]
    for y in range(1, len(rows)):
        for k in range(line.size):
            line[k] += rows[y, k]


@compiled
def _add_neighbours(line: NDArray[Any], half: NDArray[Any]) -> None:
    """Each two pixels become one; steps that are constants let this be done many at a time."""
    for j in range(line.size // 6):
        half[3 * j] = line[6 * j] + line[6 * j + 3]
        half[3 * j + 1] = line[6 * j + 1] + line[6 * j + 4]
        half[3 * j + 2] = line[6 * j + 2] + line[6 * j + 5]


@compiled
def _add_columns(line: NDArray[Any], width: int, part: NDArray[Any]) -> None:
    """Each `width` pixels become one."""
    k = np.uint64(0)
    for j in range(line.size // (3 * width)):
        red = green = blue = np.uint32(0)
        for _ in range(width):
            red += line[k]
            green += line[k + np.uint64(1)]
            blue += line[k + np.uint64(2)]
            k += np.uint64(3)
        part[3 * j], part[3 * j + 1], part[3 * j + 2] = red, green, blue


@compiled
def _shared(
    source: Bytes,
    small: Bytes,
    down: Naturals,
    high: Naturals,
    across: Naturals,
    wide: Naturals,
    area: int,
    first: int,
    last: int,
) -> None:
    """Cells that share pixels with their neighbours."""
    column, line = np.empty(source.shape[1], np.uint32), np.empty(small.shape[1], np.uint64)
    for i in range(first, last):
        for k in range(column.size):
            column[k] = 0
        for y in range(down[i, 0], down[i, 1]):
            weight = np.uint32(high[down[i, 2] + y - down[i, 0]])
            for k in range(column.size):
                column[k] += weight * source[y, k]
        for j in range(line.size // 3):
            k, at = np.uint64(3) * across[j, 0], across[j, 2]
            red = green = blue = np.uint64(0)
            for x in range(across[j, 1] - across[j, 0]):
                red += wide[at + x] * column[k]
                green += wide[at + x] * column[k + np.uint64(1)]
                blue += wide[at + x] * column[k + np.uint64(2)]
                k += np.uint64(3)
            line[3 * j], line[3 * j + 1], line[3 * j + 2] = red, green, blue
        _divide(line, area, small[i])


@compiled
def _divide(line: NDArray[Any], area: int, out: Bytes) -> None:
    """Means from totals, a half to the even neighbour.

    No mean is taken for a half: it is at least 1 / (2 * area) away, far more than float64 rounds.
    """
    for k in range(out.size):
        out[k] = np.uint8(np.rint(line[k] / np.float64(area)))
