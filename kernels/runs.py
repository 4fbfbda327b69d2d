"""Run lengths of every class of a mask, as COCO counts them: down the columns, zeros first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.paint import Mask

# COCO writes five bits a character, from this one on.
FIRST_CHARACTER = 48
# Characters that the longest number needs: 35 bits of a mask with fewer pixels than 2**32.
MOST_CHARACTERS = 7


def runs(mask: Mask, classes: int) -> list[NDArray[np.int64]]:
    """For each class: how many pixels are not of it, are of it, are not, ..., down the columns."""
    # What is read along the columns should lie so.
    columns = np.ascontiguousarray(mask.T).ravel()
    sizes = _sizes(columns, classes)
    ends = np.cumsum(sizes)
    flat = _runs(columns, ends - sizes, int(ends[-1]))
    return np.split(flat, ends[:-1])


def compressed(counts: NDArray[np.int64]) -> str:
    """COCO's text of the counts: from the third on each is told by its difference from the one two
    before, in groups of five bits."""
    text = np.empty(counts.size * MOST_CHARACTERS, np.uint8)
    return text[: _write(counts, text)].tobytes().decode()


@compiled
def _sizes(columns: Mask, classes: int) -> NDArray[np.int64]:
    """How many counts each class has."""
    ends = np.zeros(classes, np.int64)
    sizes = np.zeros(classes, np.int64)
    first = 0
    while first < columns.size:
        label, last = columns[first], first + 1
        while last < columns.size and columns[last] == label:
            last += 1
        sizes[label] += 2
        ends[label] = last
        first = last
    # What follows the last run.
    return sizes + (ends < columns.size)


@compiled
def _runs(columns: Mask, begins: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    out = np.empty(total, np.int64)
    ends = np.zeros(begins.size, np.int64)
    place = begins.copy()
    first = 0
    while first < columns.size:
        label, last = columns[first], first + 1
        while last < columns.size and columns[last] == label:
            last += 1
        out[place[label]] = first - ends[label]
        out[place[label] + 1] = last - first
        place[label] += 2
        ends[label] = last
        first = last
    for label in range(begins.size):
        if ends[label] < columns.size:
            out[place[label]] = columns.size - ends[label]
    return out


@compiled
def _write(counts: NDArray[np.int64], text: NDArray[np.uint8]) -> int:
    used = 0
    for index in range(counts.size):
        rest = counts[index] - (counts[index - 2] if index > 2 else 0)
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            # The highest of the five bits is the sign of all that is left out.
            more = rest != (-1 if bits & 16 else 0)
            text[used] = bits + (32 if more else 0) + FIRST_CHARACTER
            used += 1
    return used
