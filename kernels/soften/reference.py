"""What `soften` means: weighted counts of each class, in exact integers, over their total."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.factor import axis
from kernels.shrink.reference import half_even
from kernels.soften import stray
from kernels.soften.modes import MAJORITY, NEAREST, RANDOM, centres, drawn, weights

Labels = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
ONE = np.ones((), np.int64)


def soften(
    labels: Labels,
    factor: Fraction,
    classes: int,
    ignore: int,
    *,
    mode: str,
    dtype: np.dtype[Any],
    seed: int,
) -> NDArray[Any]:
    """Class shares [C,h,w] of each cell."""
    strays = np.setdiff1d(labels, [*range(classes), ignore])
    if strays.size:
        raise stray(int(strays[0]), classes, ignore)
    rows, columns = axis(labels.shape[0], factor), axis(labels.shape[1], factor)
    if mode in (NEAREST, RANDOM):
        y, x = np.ix_(centres(rows), centres(columns))
        if mode == RANDOM:
            y, x = drawn(rows, columns, seed)
        return _encoded(_planes(labels[y, x], classes), ONE, dtype)
    linear = "area" if mode == MAJORITY else mode
    down, across = weights(linear, rows), weights(linear, columns)
    counts = np.stack([down @ (labels == label) @ across.T for label in range(classes)])
    if mode == MAJORITY:
        winner = np.where(counts.any(0), counts.argmax(0), classes)
        return _encoded(_planes(winner, classes), ONE, dtype)
    return _encoded(counts, np.outer(down.sum(1), across.sum(1)), dtype)


def _planes(labels: Labels, classes: int) -> Counts:
    """[C,...]: 1 where a label is the class, else 0."""
    return np.asarray(labels == np.arange(classes)[:, None, None], np.int64)


def _encoded(counts: Counts, total: Counts, dtype: np.dtype[Any]) -> NDArray[Any]:
    """counts / total: rounded from float64 to float32, from there to float16, or in 255ths."""
    if dtype == np.uint8:
        return half_even(255 * counts, total).astype(np.uint8)
    return (counts / total).astype(np.float32).astype(dtype)
