"""Blend the contenders of one cell, pixel by pixel, in the reference's order of operations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.paint import Mask

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]
Weights = tuple[Floats, Floats]  # of near and far
Part = tuple[int, int, int, int]  # of the mask: top, bottom, left, right

# Slices in the functions below are for the compiler: it turns a loop over one into vectors.


@compiled
def fill(mask: Mask, part: Part, label: int, counts: NDArray[np.int64]) -> None:
    """One class everywhere."""
    top, bottom, left, right = part
    for y in range(top, bottom):
        mask[y, left:right] = label
    counts[label] += (bottom - top) * (right - left)


@compiled
def paint_cell(
    mask: Mask,
    part: Part,
    down: Weights,
    across: Weights,
    corners: Floats,
    kept: Ids,
    spare: Floats,
) -> None:
    """The best of the classes `kept`, two at a time, the lowest where they tie."""
    top, bottom, left, right = part
    u, w, best = across[0][left:right], across[1][left:right], spare[: right - left]
    for y in range(top, bottom):
        v, z = down[0][y], down[1][y]
        labels = mask[y, left:right]
        for i in range(0, kept.size, 2):
            j = min(i + 1, kept.size - 1)
            p, q = _blend(v, z, corners, i)
            r, s = _blend(v, z, corners, j)
            one, other = mask.dtype.type(kept[i]), mask.dtype.type(kept[j])
            for x in range(best.size):
                a, b = u[x] * p + w[x] * q, u[x] * r + w[x] * s
                label = other if b > a else one
                value = b if b > a else a
                better = i == 0 or value > best[x]
                labels[x] = label if better else labels[x]
                best[x] = value if better else best[x]


@compiled
def paint_margin(
    mask: Mask,
    margin: NDArray[np.uint8],
    part: Part,
    down: Weights,
    across: Weights,
    corners: Floats,
    kept: Ids,
    spare: Floats,
) -> None:
    """The same, and how far the best leads the second."""
    top, bottom, left, right = part
    u, w = across[0][left:right], across[1][left:right]
    best, second = spare[0, : right - left], spare[1, : right - left]
    for y in range(top, bottom):
        v, z = down[0][y], down[1][y]
        labels, lead = mask[y, left:right], margin[y, left:right]
        best[:] = -np.inf
        second[:] = -np.inf
        for i in range(kept.size):
            p, q = _blend(v, z, corners, i)
            one = mask.dtype.type(kept[i])
            for x in range(best.size):
                value = u[x] * p + w[x] * q
                labels[x] = one if value > best[x] else labels[x]
            for x in range(best.size):
                value = u[x] * p + w[x] * q
                rest = best[x] if value > best[x] else value
                second[x] = rest if rest > second[x] else second[x]
                best[x] = value if value > best[x] else best[x]
        for x in range(best.size):
            sixteenths = (best[x] - second[x]) * np.float32(16)
            lead[x] = np.int32(sixteenths if sixteenths < 255 else np.float32(255))


@compiled
def _blend(v: np.float32, z: np.float32, corners: Floats, i: int) -> tuple[np.float32, np.float32]:
    """The row's values of contender `i` at the left and the right of the cell."""
    return v * corners[0, i] + z * corners[2, i], v * corners[1, i] + z * corners[3, i]


@compiled
def count_labels(mask: Mask, part: Part, kept: Ids, counts: NDArray[np.int64]) -> None:
    """Count the pixels of each class `kept`, while they are still at hand."""
    top, bottom, left, right = part
    left_over = (bottom - top) * (right - left)
    for k in kept[1:]:
        one, found = mask.dtype.type(k), 0
        for y in range(top, bottom):
            labels = mask[y, left:right]
            for x in range(labels.size):
                found += labels[x] == one
        counts[k] += found
        left_over -= found
    counts[kept[0]] += left_over
