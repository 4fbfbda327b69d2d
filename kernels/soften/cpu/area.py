"""The label mode `area`: walks each row of cells by its runs, and counts only where labels meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.factor import Axis
from kernels.shrink.cpu.spans import Naturals, spans
from kernels.soften.cpu.encode import bits, encoded

Labels = NDArray[np.unsignedinteger[Any]]


def area(
    labels: Labels, rows: Axis, columns: Axis, classes: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The part of each cell that each class covers."""
    shares = np.empty((classes, rows.cells, columns.cells), dtype)
    high, wide, whole = spans(rows), spans(columns), rows.cell_length * columns.cell_length
    plain = bits(shares)
    threads.over_rows(rows.cells, lambda a, b: _bands(labels, plain, *high, *wide, whole, a, b))
    return shares


@compiled
def _bands(
    source: Labels,
    shares: NDArray[Any],
    down: Naturals,
    high: Naturals,
    across: Naturals,
    wide: Naturals,
    whole: int,
    first: int,
    last: int,
) -> None:
    """Rows `first` to `last` of cells."""
    classes, width, pixels = shares.shape[0], shares.shape[2], source.shape[1]
    uneven = np.empty(pixels, source.dtype)
    # In whole words, with room for one label more than there are.
    words = np.empty(pixels * source.itemsize // 8 + 1, np.uint64)
    mixed, count = np.empty(width, np.uint64), np.zeros(classes + 1, np.uint64)
    # Few shares are not zero: long clearing strides, then single stores, is the least traffic.
    for label in range(classes):
        _clear(shares[label, first:last].reshape(-1))
    for i in range(first, last):
        rows, heights = source[down[i, 0] : down[i, 1]], high[down[i, 2] : down[i + 1, 2]]
        band = shares[:, i]
        _seams(rows, uneven, words)
        left = _runs(rows, uneven, words, across, band, mixed)
        left = _pairs(rows, heights, across, wide, whole, band, mixed[:left])
        _rest(rows, heights, across, wide, whole, band, mixed[:left], count)


@compiled
def _clear(line: NDArray[Any]) -> None:
    for j in range(line.size):
        line[j] = 0


@compiled
def _seams(rows: Labels, uneven: Labels, words: Naturals) -> None:
    """Where columns and neighbours differ, as labels that are 0 where they do not.

    `uneven`: the column is not of one label; `words`: that, or it differs from the one on its left.
    """
    _clear(uneven)
    for y in range(1, len(rows)):
        for x in range(uneven.size):
            uneven[x] |= rows[y, x] ^ rows[0, x]
    edges = words.view(rows.dtype)
    # Ends the search for an edge.
    edges[uneven.size] = 1
    for x in range(1, uneven.size):
        edges[x] = uneven[x] | (rows[0, x] ^ rows[0, x - 1])


@compiled
def _next_edge(words: Naturals, edges: Labels, x: np.uint64) -> np.uint64:
    """The first edge at or after `x`, looking at a word at a time where there is none."""
    step = np.uint64(8 // edges.itemsize)
    while edges[x] == 0:
        x += step if x % step == 0 and words[x // step] == 0 else np.uint64(1)
    return x


@compiled
def _runs(
    rows: Labels,
    uneven: Labels,
    words: Naturals,
    across: Naturals,
    band: NDArray[Any],
    mixed: Naturals,
) -> int:
    """Fill the runs of cells of one label; the other cells go to `mixed`, and how many they are."""
    classes, width = band.shape
    full, edges = encoded(1, 1, band.itemsize), words.view(rows.dtype)
    seam = np.uint64(0)
    j = found = 0
    while j < width:
        left = across[j, 0]
        if seam <= left:
            seam = _next_edge(words, edges, left + np.uint64(1))
        if uneven[left] != 0 or seam < across[j, 1]:
            mixed[found] = j
            found += 1
            j += 1
            continue
        label = rows[0, left]
        while j < width and across[j, 1] <= seam:
            if label < classes:
                band[label, j] = full
            j += 1
    return found


@compiled
def _pairs(
    rows: Labels,
    high: Naturals,
    across: Naturals,
    wide: Naturals,
    whole: int,
    band: NDArray[Any],
    mixed: Naturals,
) -> int:
    """Fill the `mixed` cells of two labels; the others move to its front, and how many they are.

    Most cells that are not of one label are of two, and two need no table of counts. They are two
    where the numbers by which labels differ from the first one add up as if all were the same.
    """
    classes, left = len(band), 0
    for j in mixed:
        start, end, at = across[j, 0], across[j, 1], across[j, 2]
        one = rows[0, start]
        bits, total, many, part = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
        for y in range(high.size):
            covered = np.uint64(0)
            for x in range(end - start):
                apart = np.uint64(rows[y, start + x] ^ one)
                differs = np.uint64(apart != 0)
                bits |= apart
                total += apart
                many += differs
                covered += wide[at + x] * differs
            part += high[y] * covered
            if total != bits * many:
                break
        if total != bits * many:
            mixed[left] = j
            left += 1
            continue
        other = np.uint64(one) ^ bits
        if one < classes:
            band[one, j] = encoded(whole - np.int64(part), whole, band.itemsize)
        if other < classes:
            band[other, j] = encoded(np.int64(part), whole, band.itemsize)
    return left


@compiled
def _rest(
    rows: Labels,
    high: Naturals,
    across: Naturals,
    wide: Naturals,
    whole: int,
    band: NDArray[Any],
    mixed: Naturals,
    count: Naturals,
) -> None:
    """Fill the `mixed` cells by a table of counts, which is all zeros before and after."""
    void, kinds = np.uint64(len(band)), np.empty(len(band) + 2, np.uint64)
    for j in mixed:
        start, end, at = across[j, 0], across[j, 1], across[j, 2]
        found = np.uint64(0)
        for y in range(high.size):
            for x in range(end - start):
                slot = min(np.uint64(rows[y, start + x]), void)
                # Without a branch: the next kind overwrites this entry unless it is new.
                kinds[found] = slot
                found += np.uint64(count[slot] == 0)
                count[slot] += high[y] * wide[at + x]
        for k in range(found):
            label = kinds[k]
            if label < void:
                band[label, j] = encoded(np.int64(count[label]), whole, band.itemsize)
            count[label] = np.uint64(0)
