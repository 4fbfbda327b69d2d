"""`paint` in numba, cell by cell: a cell is the full-size pixels between the same four logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.paint import Mask, Painting, Window, mask_dtype
from kernels.paint.cpu.cells import count_labels, fill, paint_cell, paint_margin
from kernels.paint.cpu.contest import Lines, clear_winners, contenders, new_line, read_line
from kernels.taps import Taps, taps

# A cell taller than this is worked in parts, so that a map of one row keeps all threads busy.
TALLEST = 256
# Weights of near and far, near and far; then where the runs of one axis begin.
Axis = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
]
# What a thread works in: corners, two lines of values, contenders, winners, clear winners.
Room = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
]


def painting(
    logits: NDArray[np.floating[Any]], size: tuple[int, int], window: Window, margin: bool
) -> Painting:
    """The mask of the window, the pixels of each class and, if asked for, the margin."""
    classes, rows, columns = logits.shape
    top, left, height, width = window
    down = _axis(taps(size[0], rows, top, height), TALLEST)
    across = _axis(taps(size[1], columns, left, width), width)
    # Whatever it was: the kernels are compiled for this one kind of array.
    source = np.require(logits, np.float32, ["C", "A", "W"])
    mask: Mask = np.empty((height, width), mask_dtype(classes))
    plane = np.full((height, width) if margin else (0, 0), 255, np.uint8)
    widest = int(np.diff(across[4]).max())
    counts = threads.over_rows(
        down[4].size - 1, lambda a, b: _bands(source, mask, plane, down, across, widest, a, b)
    )
    return Painting(mask=mask, counts=np.sum(counts, axis=0), margin=plane if margin else None)


def _axis(along: Taps, longest: int) -> Axis:
    return 1 - along.weight, along.weight, along.near, along.far, along.runs(longest)


@compiled
def _bands(
    logits: NDArray[np.float32],
    mask: Mask,
    margin: NDArray[np.uint8],
    down: Axis,
    across: Axis,
    widest: int,
    first: int,
    last: int,
) -> NDArray[np.int64]:
    """Paint the rows of cells from `first` to before `last`; the pixels of each class."""
    classes, _, width = logits.shape
    counts = np.zeros(classes, np.int64)
    upper, lower = new_line(classes, width), new_line(classes, width)
    room = (
        np.empty((4, classes), np.float32),
        np.empty((2, widest), np.float32),
        np.empty(classes, np.int32),
        np.empty(8, np.int32),
        np.empty(across[4].size - 1, np.int32),
    )
    # One class leads by nothing that could be measured: its margin stays 255.
    places = 2 if margin.size > 0 and classes > 1 else 1
    held = -1
    for run in range(first, last):
        top, bottom = down[4][run], down[4][run + 1]
        near, far = down[2][top], down[3][top]
        # The line below the last cells is the line above these.
        if held == near:
            upper, lower = lower, upper
        else:
            read_line(logits, near, across[2][0], across[3][-1], places, upper)
        read_line(logits, far, across[2][0], across[3][-1], places, lower)
        held = far
        _band(mask, margin, down, across, (top, bottom), (upper, lower), places, room, counts)
    return counts


@compiled
def _band(
    mask: Mask,
    margin: NDArray[np.uint8],
    down: Axis,
    across: Axis,
    span: tuple[int, int],
    lines: Lines,
    places: int,
    room: Room,
    counts: NDArray[np.int64],
) -> None:
    """Paint one row of cells: neighbours with one clear winner at once, others cell by cell."""
    corners, spare, kept, strong, clear = room
    rows, columns = (down[0], down[1]), (across[0], across[1])
    clear_winners(lines, across[2], across[3], across[4], places, clear)
    begins, j = across[4], 0
    while j < clear.size:
        begin, label = begins[j], clear[j]
        j += 1
        if label >= 0:
            while j < clear.size and clear[j] == label:
                j += 1
            fill(mask, (span[0], span[1], begin, begins[j]), label, counts)
            continue
        part = (span[0], span[1], begin, begins[j])
        near, far = across[2][begin], across[3][begin]
        some = kept[: contenders(lines, near, far, places, corners, kept, strong)]
        if places == 2:
            paint_margin(mask, margin, part, rows, columns, corners, some, spare)
        else:
            paint_cell(mask, part, rows, columns, corners, some, spare[0])
        count_labels(mask, part, some, counts)
