"""`soften` in numba: counts whole numbers per cell and writes only the classes it met."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.factor import axis
from kernels.soften import stray


def soften(
    labels: NDArray[np.integer[Any]], factor: Fraction, classes: int, ignore: int
) -> NDArray[np.float32]:
    """Class shares of each cell."""
    rows, columns = axis(labels.shape[0], factor), axis(labels.shape[1], factor)
    source = np.ascontiguousarray(labels)
    shares = np.zeros((classes, rows.cells, columns.cells), np.float32)
    down = (rows.cell_length, rows.pixel_length)
    across = (columns.cell_length, columns.pixel_length)
    found = threads.over_rows(
        rows.cells, lambda a, b: _cells(source, shares, ignore, down, across, a, b)
    )
    for bad, label in found:
        if bad:
            raise stray(label, classes, ignore)
    return shares


@compiled
def _cells(
    source: NDArray[np.integer[Any]],
    shares: NDArray[np.float32],
    ignore: int,
    down: tuple[int, int],
    across: tuple[int, int],
    first: int,
    last: int,
) -> tuple[bool, int]:
    (p, q), (r, s) = down, across
    area = float(p * r)
    classes = shares.shape[0]
    count = np.zeros(classes, np.int64)
    met = np.empty(classes, np.int64)
    for i in range(first, last):
        for j in range(shares.shape[2]):
            kinds = 0
            for y in range(i * p // q, -((i + 1) * p // -q)):
                height = min((y + 1) * q, (i + 1) * p) - max(y * q, i * p)
                for x in range(j * r // s, -((j + 1) * r // -s)):
                    label = int(source[y, x])
                    if label == ignore:
                        continue
                    if label < 0 or label >= classes:
                        return True, label
                    if count[label] == 0:
                        met[kinds] = label
                        kinds += 1
                    width = min((x + 1) * s, (j + 1) * r) - max(x * s, j * r)
                    count[label] += height * width
            for k in range(kinds):
                shares[met[k], i, j] = np.float32(count[met[k]] / area)
                count[met[k]] = 0
    return False, 0
