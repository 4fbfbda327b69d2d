"""Any linear label mode in numba, tap by tap, for those not worth a path of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.factor import Axis
from kernels.shrink.cpu.spans import Naturals
from kernels.soften.cpu.encode import bits, encoded
from kernels.soften.modes import taps

Labels = NDArray[np.unsignedinteger[Any]]


def shares(
    labels: Labels, rows: Axis, columns: Axis, classes: int, mode: str, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Class shares [C,h,w] of each cell in a linear mode."""
    small = np.zeros((classes, rows.cells, columns.cells), dtype)
    _gather(labels, rows, columns, mode, bits(small), np.empty((0, 0), np.uint32))
    return small


def winners(labels: Labels, rows: Axis, columns: Axis, classes: int) -> NDArray[np.uint32]:
    """[h,w]: the class with the largest coverage, the lowest of equals; void in a cell of void."""
    chosen = np.empty((rows.cells, columns.cells), np.uint32)
    _gather(labels, rows, columns, "area", np.empty((classes, 0, 0), np.uint8), chosen)
    return chosen


def _gather(
    labels: Labels,
    rows: Axis,
    columns: Axis,
    mode: str,
    small: NDArray[Any],
    chosen: NDArray[np.uint32],
) -> None:
    down, across = taps(mode, rows), taps(mode, columns)
    threads.over_rows(rows.cells, lambda a, b: _cells(labels, *down, *across, small, chosen, a, b))


@compiled
def _cells(
    labels: Labels,
    tops: Naturals,
    high: Naturals,
    lefts: Naturals,
    wide: Naturals,
    small: NDArray[Any],
    chosen: NDArray[np.uint32],
    first: int,
    last: int,
) -> None:
    """Fill rows `first` to `last` of `small` with shares, or of `chosen` with the largest one's."""
    void, kinds = np.uint64(len(small)), np.empty(len(small) + 2, np.uint64)
    count = np.zeros(len(small) + 1, np.uint64)
    for i in range(first, last):
        tall = high[i].sum()
        for j in range(lefts.size):
            top, left, found, total = tops[i], lefts[j], np.uint64(0), np.uint64(0)
            for x in range(wide.shape[1]):
                total += tall * wide[j, x]
            for y in range(high.shape[1]):
                for x in range(wide.shape[1]):
                    slot = min(np.uint64(labels[top + np.uint64(y), left + np.uint64(x)]), void)
                    weight = high[i, y] * wide[j, x]
                    # Without a branch: the next kind overwrites this entry unless it is new.
                    kinds[found] = slot
                    found += np.uint64((count[slot] == 0) & (weight != 0))
                    count[slot] += weight
            best, most = void, np.uint64(0)
            for k in range(found):
                kind = kinds[k]
                if kind < void:
                    if small.size:
                        share = encoded(np.int64(count[kind]), np.int64(total), small.itemsize)
                        small[kind, i, j] = share
                    if count[kind] > most or (count[kind] == most and kind < best):
                        best, most = kind, count[kind]
                count[kind] = np.uint64(0)
            if chosen.size:
                chosen[i, j] = best
