"""Connected regions of a mask: pixels of one class that share sides, numbered from 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.paint import Mask


def regions(mask: Mask, covered: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """int32 [H+2,W+2], the number of each pixel's region, and the class of each region.

    Number 0 is what belongs to none: classes that are not `covered`, and a frame of one pixel, so
    that nobody who walks along a border needs to look for the edge. Numbers go by the first pixel.
    """
    # One kind of array is compiled for, whatever it was.
    mask = np.ascontiguousarray(mask)
    numbers = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int32)
    parents = _join(mask, covered, numbers)
    classes = np.empty(_renumber(parents) + 1, np.int64)
    _settle(mask, numbers, parents, classes)
    return numbers, classes


@compiled
def _root(parents: NDArray[np.int32], number: int) -> int:
    while parents[number] != number:
        # Every step halves the way of those who come after.
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


@compiled
def _join(mask: Mask, covered: NDArray[np.bool_], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the pixels by their neighbours; which numbers are the same is told by their roots."""
    parents = np.zeros(1024, np.int32)
    used = 1
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            label = mask[y, x]
            if not covered[label]:
                continue
            above = numbers[y, x + 1] if y > 0 and mask[y - 1, x] == label else 0
            before = numbers[y + 1, x] if x > 0 and mask[y, x - 1] == label else 0
            if above == 0 and before == 0:
                if used == parents.size:
                    parents = np.concatenate((parents, np.zeros_like(parents)))
                parents[used] = used
                numbers[y + 1, x + 1] = used
                used += 1
            elif above == 0 or before == 0 or above == before:
                numbers[y + 1, x + 1] = max(above, before)
            else:
                one, other = _root(parents, above), _root(parents, before)
                # The lower number is that of the earlier pixel.
                parents[max(one, other)] = min(one, other)
                numbers[y + 1, x + 1] = min(one, other)
    return parents[:used]


@compiled
def _renumber(parents: NDArray[np.int32]) -> int:
    """Make every entry its region's final number; how many regions there are."""
    count = 0
    for number in range(1, parents.size):
        # A root lies before all that lead to it, and is renumbered already.
        if parents[number] == number:
            count += 1
            parents[number] = -count
        else:
            parents[number] = parents[parents[number]]
    for number in range(1, parents.size):
        parents[number] = -parents[number]
    return count


@compiled
def _settle(
    mask: Mask, numbers: NDArray[np.int32], parents: NDArray[np.int32], classes: NDArray[np.int64]
) -> None:
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            number = parents[numbers[y + 1, x + 1]]
            numbers[y + 1, x + 1] = number
            if number > 0:
                classes[number] = mask[y, x]
