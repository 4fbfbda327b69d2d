"""Which classes can win a cell at all, so that the others are never blended.

Why cells can be filled and classes skipped without changing a bit of the reference's result. With
the corners a b / c d, a pixel's value is blend(blend(a, c), blend(b, d)), where blend(p, q) is
u*p + w*q with the tap's weight w >= 0, u = 1 - w >= 0, and every operation rounded to float32.

1. Rounding keeps order, so a value never falls when a corner rises. A class that is no better than
   another at all four corners is no better at any pixel of the cell. Ties go to the lower class:
   a *higher* class that is no better can be skipped, with no allowance for rounding at all.
   (Hence blending never overflows either: u*MAX + w*MAX rounds to no more than MAX.)
2. A *lower* class might tie by rounding. It is skipped when at every corner it is worse than
   class k by more than SLACK = 8 eps A + tiny, A being the largest magnitude of k's corners.
   Proof: raise its corners to at least -2A - tiny. By 1. that only helps it, and it stays SLACK
   behind; now its magnitudes are at most 2A + tiny. Blending magnitudes up to M is off by at most
   eps M (eps/2 of u|p| + w|q| for the products, eps/2 for the sum), two blends by 2 eps M: class k
   by 2 eps A, the other by 4 eps A. u + w >= 1 - eps/4 leaves an exact lead of SLACK * (1 - eps).
   8 > 6 pays for such factors close to one; tiny pays for products that underflow, each off by
   2^-150. So the lead stays positive after rounding.

The same order, value and then class, holds at every pixel: a class that two others beat like this
is never first or second, which is what the margin needs to know.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled

ROUNDING = np.float32(8 * np.finfo(np.float32).eps)
SMALLEST = np.finfo(np.float32).tiny
LARGEST = np.finfo(np.float32).max

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]
# A row of logits: values [C,w]; per cell its first and second class [2,w]; by how much the first
# leads the best of the classes lower in number [w]; room to rank them [w].
Line = tuple[Floats, Ids, Floats, Floats]
Lines = tuple[Line, Line]


@compiled
def new_line(classes: int, width: int) -> Line:
    """Room for a row of logits."""
    # Not a power of two wide: the classes of one cell would share the same few lines of the cache.
    values = np.empty((classes, width + 17), np.float32)
    ranks = np.empty((2, width), np.int32)
    return values, ranks, np.empty(width, np.float32), np.empty(width, np.float32)


@compiled
def read_line(logits: Floats, row: int, first: int, last: int, places: int, line: Line) -> None:
    """Copy a row of logits, made finite, from cell `first` to `last`, and rank its classes."""
    winner, lead = line[1][0, first : last + 1], line[2][first : last + 1]
    best = line[3][first : last + 1]
    best[:] = -np.inf
    for k in range(logits.shape[0]):
        source, target = logits[k, row, first : last + 1], line[0][k, first : last + 1]
        for x in range(best.size):
            value = source[x] if source[x] >= -LARGEST else -LARGEST
            value = value if value <= LARGEST else LARGEST
            target[x] = value
            better = value > best[x]
            # Classes come in order: what was best so far is the best of all lower ones.
            lead[x] = value - best[x] if better else lead[x]
            winner[x] = k if better else winner[x]
            best[x] = value if better else best[x]
    if places == 2:
        _find_second(line, first, last)


@compiled
def _find_second(line: Line, first: int, last: int) -> None:
    winner, second = line[1][0, first : last + 1], line[1][1, first : last + 1]
    best = line[3][first : last + 1]
    best[:] = -np.inf
    for k in range(line[0].shape[0]):
        value = line[0][k, first : last + 1]
        for x in range(best.size):
            better = value[x] > best[x] and winner[x] != k
            second[x] = k if better else second[x]
            best[x] = value[x] if better else best[x]


@compiled
def clear_winners(
    lines: Lines,
    near: NDArray[np.int64],
    far: NDArray[np.int64],
    begins: NDArray[np.int64],
    places: int,
    clear: Ids,
) -> None:
    """Per cell of a row the class that wins all of it, or -1 where it takes a closer look."""
    (above, first, lead, _), (below, first_below, lead_below, _) = lines
    for j in range(clear.size):
        clear[j] = -1
        if places == 2:
            continue
        a, b = near[begins[j]], far[begins[j]]
        k = first[0, a]
        if k != first[0, b] or k != first_below[0, a] or k != first_below[0, b]:
            continue
        least = min(min(lead[a], lead[b]), min(lead_below[a], lead_below[b]))
        if least > _slack(above[k, a], above[k, b], below[k, a], below[k, b]):
            clear[j] = k


@compiled
def _slack(a: np.float32, b: np.float32, c: np.float32, d: np.float32) -> np.float32:
    return ROUNDING * max(max(abs(a), abs(b)), max(abs(c), abs(d))) + SMALLEST


@compiled
def contenders(
    lines: Lines, near: int, far: int, places: int, corners: Floats, kept: Ids, strong: Ids
) -> int:
    """How many classes can take one of the first `places` somewhere in the cell.

    They come ascending in `kept`, with their corners in `corners`. `strong` is room for the
    classes that take these places at the corners: the ones to beat.
    """
    above, below = lines[0][0], lines[1][0]
    winners = _strongest(lines[0][1], lines[1][1], near, far, places, strong)
    count = 0
    for k in range(above.shape[0]):
        p, q, r, s = above[k, near], above[k, far], below[k, near], below[k, far]
        left = places
        for i in range(winners):
            j = strong[i]
            a, b, c, d = above[j, near], above[j, far], below[j, near], below[j, far]
            if j < k:
                left -= p <= a and q <= b and r <= c and s <= d
            elif j > k and p < a and q < b and r < c and s < d:
                slack = _slack(a, b, c, d)
                left -= a - p > slack and b - q > slack and c - r > slack and d - s > slack
            if left == 0:
                break
        # Classes equal at all corners, as at a floor of the logits, come down to the lowest.
        if left == 1 and places == 1 and count > 0 and p <= corners[0, 0] and q <= corners[1, 0]:
            left -= r <= corners[2, 0] and s <= corners[3, 0]
        if left > 0:
            corners[0, count], corners[1, count] = p, q
            corners[2, count], corners[3, count] = r, s
            kept[count] = k
            count += 1
    return count


@compiled
def _strongest(first: Ids, below: Ids, near: int, far: int, places: int, strong: Ids) -> int:
    """Put the classes that take the places at the four corners into `strong`, each once."""
    count = 0
    for place in range(places):
        for k in (first[place, near], below[place, far], first[place, far], below[place, near]):
            new = True
            for i in range(count):
                new = new and strong[i] != k
            if new:
                strong[count] = k
                count += 1
    return count
