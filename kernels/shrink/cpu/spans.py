"""Cells of an axis as pixels and whole-number weights, ready for a compiled loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.factor import Axis

# Unsigned, for then numba does not ask at every pixel whether an index counts from the end.
Naturals = NDArray[np.uint64]


def spans(axis: Axis) -> tuple[Naturals, Naturals]:
    """(spans [cells + 1, 3], weights): first pixel, end, and where a cell's weights begin."""
    p, q = axis.cell_length, axis.pixel_length
    cell = np.arange(axis.cells)
    first, end = cell * p // q, -((cell + 1) * p // -q)
    at = np.cumsum(end - first) - (end - first)
    weights = np.full((end - first).sum(), q)
    # Taken off at both ends in turn, for one pixel may be a cell's first and last.
    weights[at] -= cell * p - first * q
    weights[at + end - first - 1] -= end * q - (cell + 1) * p
    beyond = [axis.pixels, axis.pixels, weights.size]
    edges = np.vstack([np.stack([first, end, at], axis=1), beyond])
    return edges.astype(np.uint64), weights.astype(np.uint64)
