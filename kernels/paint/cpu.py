"""`paint` in numba: one blended line of logits at a time, and a fill where the winner is clear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import threads
from kernels.compiled import compiled
from kernels.paint import Mask, mask_dtype
from kernels.taps import taps

# Blending rounds three times, each by at most half a unit in the last place, which is relative to
# the numbers blended or, next to zero, no smaller than the smallest normal number allows.
ROUNDING = np.float32(4 * np.finfo(np.float32).eps)
SMALLEST = np.finfo(np.float32).tiny


def paint(logits: NDArray[np.float32], size: tuple[int, int]) -> Mask:
    """The class with the highest bilinearly up-sampled logit at every pixel."""
    down, across = taps(size[0], logits.shape[1]), taps(size[1], logits.shape[2])
    # Classes innermost: the scan for a line's winners reads memory in order.
    source = np.ascontiguousarray(logits.transpose(1, 2, 0))
    mask: Mask = np.empty(size, mask_dtype(logits.shape[0]))
    vertical = (down.near, down.far, down.weight)
    horizontal = (across.near, across.far, across.weight)
    starts = np.flatnonzero(np.diff(across.near, prepend=-1, append=logits.shape[2]))
    threads.over_rows(
        size[0], lambda a, b: _lines(source, mask, vertical, horizontal, starts, a, b)
    )
    return mask


@compiled
def _lines(
    source: NDArray[np.float32],
    mask: Mask,
    vertical: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]],
    horizontal: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]],
    starts: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    cells, classes = source.shape[1], source.shape[2]
    line = np.empty((cells, classes), np.float32)
    winner = np.empty(cells, np.int64)
    near, far, weight = horizontal
    one = np.float32(1)
    for y in range(first, last):
        below = vertical[2][y]
        upper, lower = source[vertical[0][y]], source[vertical[1][y]]
        for x in range(cells):
            for c in range(classes):
                line[x, c] = (one - below) * upper[x, c] + below * lower[x, c]
            winner[x] = _clear_winner(line[x])
        for run in range(starts.size - 1):
            begin, end = starts[run], starts[run + 1]
            left, right = near[begin], far[begin]
            if winner[left] >= 0 and winner[left] == winner[right]:
                mask[y, begin:end] = winner[left]
                continue
            for x in range(begin, end):
                best, label = -np.float32(np.inf), 0
                for c in range(classes):
                    value = (one - weight[x]) * line[left, c] + weight[x] * line[right, c]
                    if value > best:
                        best, label = value, c
                mask[y, x] = label


@compiled
def _clear_winner(values: NDArray[np.float32]) -> int:
    """The class that leads by more than blending can round away, or -1.

    A class that leads so at both ends of a cell leads everywhere between them, because the weights
    are not negative and sum to one.
    """
    best, second, label = values[0], -np.float32(np.inf), 0
    size = abs(values[0])
    for c in range(1, values.size):
        size = max(size, abs(values[c]))
        if values[c] > best:
            best, second, label = values[c], best, c
        elif values[c] > second:
            second = values[c]
    return label if best - second > ROUNDING * size + SMALLEST else -1
