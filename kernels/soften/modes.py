"""What each label mode weighs: whole-number weights of the pixels of one axis in each cell.

A mode is either linear and separable (weights down times weights across, over their total) or picks
one label for the whole cell. Distances are counted in 2q-ths of a pixel (kernels.factor): the
centre of pixel x lies at (2x+1)q and the centre of cell i at (2i+1)p.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError
from kernels.factor import Axis

Integers = NDArray[np.int64]

# The cell is the pixel under its centre; the pixel right of (below) it where that is an edge.
NEAREST = "nearest"
# One pixel of the cell, drawn by coverage; the draws are `drawn` below.
RANDOM = "nearest-random"
# The class of the largest coverage, the lowest one of equals, has share 1; void wins nothing, so
# only a cell that is void throughout has no mass.
MAJORITY = "majority"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A linear mode: how far its weights reach from a cell's centre, and the weights."""

    reach: Callable[[Axis], int]
    weigh: Callable[[Axis, Integers, Integers], Integers]


def _covered(axis: Axis, cell: Integers, pixel: Integers) -> Integers:
    p, q = axis.cell_length, axis.pixel_length
    last = np.minimum((cell + 1) * p, (pixel + 1) * q)
    return np.asarray(np.maximum(last - np.maximum(cell * p, pixel * q), 0))


def _triangle(reach: Callable[[Axis], int]) -> Kernel:
    def weigh(axis: Axis, cell: Integers, pixel: Integers) -> Integers:
        apart = (2 * pixel + 1) * axis.pixel_length - (2 * cell + 1) * axis.cell_length
        return np.asarray(np.maximum(reach(axis) - np.abs(apart), 0))

    return Kernel(reach=reach, weigh=weigh)


LINEAR = {
    # How much of the pixel lies in the cell.
    "area": Kernel(reach=lambda axis: axis.cell_length, weigh=_covered),
    # The two pixels around the centre, nothing smoothed: what shrinking a tensor does.
    "bilinear": _triangle(lambda axis: 2 * axis.pixel_length),
    # A triangle that ends one cell from the centre, over the part of it inside the picture.
    "bilinear-aa": _triangle(lambda axis: 2 * axis.cell_length),
}
MODES = (*LINEAR, NEAREST, RANDOM, MAJORITY)


def weights(mode: str, axis: Axis) -> Integers:
    """[cells, pixels]: the weights of a linear `mode`."""
    cell, pixel = np.arange(axis.cells)[:, None], np.arange(axis.pixels)[None, :]
    return LINEAR[mode].weigh(axis, cell, pixel)


def taps(mode: str, axis: Axis) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(first pixel [cells], weights [cells, taps]): `weights` without most of its zeros."""
    kernel, cell = LINEAR[mode], np.arange(axis.cells)[:, None]
    count = min(axis.pixels, kernel.reach(axis) // axis.pixel_length + 2)
    first = (2 * cell + 1) * axis.cell_length - kernel.reach(axis)
    first = np.clip(first // (2 * axis.pixel_length), 0, axis.pixels - count)
    weighed = kernel.weigh(axis, cell, first + np.arange(count))
    return first[:, 0].astype(np.uint64), weighed.astype(np.uint64)


def check_size(mode: str, rows: Axis, columns: Axis) -> None:
    """Raise where a linear `mode` would count past what 64 bits hold."""
    most = 1
    for axis in (rows, columns):
        reach = LINEAR[mode].reach(axis)
        most *= reach if mode == "area" else reach * (reach // axis.pixel_length + 2)
    # Shares in 255ths are rounded from 511 times the total.
    if 511 * most >= 2**63:
        raise UserError(
            f"labels of {rows.pixels} x {columns.pixels} pixels are too large for mode '{mode}'"
            f" on {rows.cells} x {columns.cells} cells",
            hint="choose a larger factor, or mode 'area'",
        )


def centres(axis: Axis) -> Integers:
    """[cells]: the pixel under the centre of each cell."""
    cell = np.arange(axis.cells)
    return np.asarray((2 * cell + 1) * axis.cell_length // (2 * axis.pixel_length))


def drawn(rows: Axis, columns: Axis, seed: int) -> tuple[Integers, Integers]:
    """(y, x), both [rows, columns]: one pixel of each cell, drawn uniformly by coverage.

    A hash of the seed and the cell decides, so that neither threads nor order can matter.
    """
    cell = np.arange(rows.cells * columns.cells, dtype=np.uint64).reshape(rows.cells, -1)
    start = _mixed(np.array([seed % 2**64], np.uint64))
    bits = _mixed(start + cell)
    y = _below(rows.cell_length, bits >> np.uint64(32))
    x = _below(columns.cell_length, bits & np.uint64(0xFFFFFFFF))
    i, j = np.arange(rows.cells)[:, None], np.arange(columns.cells)
    return (
        (i * rows.cell_length + y) // rows.pixel_length,
        (j * columns.cell_length + x) // columns.pixel_length,
    )


def _below(limit: int, bits: NDArray[np.uint64]) -> Integers:
    """32 bits as a number below `limit`, even to one part in 2**32 / limit."""
    return np.asarray((bits * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The generator SplitMix64 (Steele, Lea, Flood 2014): the output of state `value`."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
