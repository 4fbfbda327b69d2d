"""Leaves out points of rings without ever making an invalid one.

A point may go if the triangle that it forms with its neighbours holds no other point of the same
region: then no ring comes to cross itself or another of the region. And every point that is left
out stays within `tolerance` of the side that replaces it. Regions are looked at one by one, so a
border that two of them share may open or overlap by as much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.outline import Points, Rings

# Points that one side may replace; each is looked at again for every one that is added.
LONGEST = 100
# Fewer points enclose nothing.
FEWEST = 3
# To the right of every column.
FARTHEST = 2**31


def simplify(rings: Rings, size: tuple[int, int], tolerance: float) -> Rings:
    """The rings of a picture of (H, W) with fewer points; 0 leaves out nothing."""
    if tolerance <= 0:
        return rings
    taken = np.zeros((size[0] + 1, size[1] + 1), np.uint8)
    kept = np.ones(len(rings.points), np.bool_)
    _thin(rings.points, rings.ends, rings.regions, taken, kept, tolerance)
    left = np.cumsum(kept)
    return Rings(
        points=rings.points[kept],
        ends=left[rings.ends - 1].astype(np.int64),
        regions=rings.regions,
    )


@compiled
def _thin(
    points: Points,
    ends: NDArray[np.int64],
    regions: NDArray[np.int64],
    taken: NDArray[np.uint8],
    kept: NDArray[np.bool_],
    tolerance: float,
) -> None:
    first = 0
    while first < ends.size:
        last = first + 1
        while last < ends.size and regions[last] == regions[first]:
            last += 1
        begin = ends[first - 1] if first > 0 else 0
        _mark(points, begin, ends[last - 1], taken, 1)
        for ring in range(first, last):
            _thin_ring(points, begin, ends[ring], taken, kept, tolerance)
            begin = ends[ring]
        begin = ends[first - 1] if first > 0 else 0
        for point in range(begin, ends[last - 1]):
            taken[points[point, 1], points[point, 0]] = 0
        first = last


@compiled
def _mark(points: Points, begin: int, end: int, taken: NDArray[np.uint8], by: int) -> None:
    """Count the points at each corner: two rings of a region may touch there."""
    for point in range(begin, end):
        taken[points[point, 1], points[point, 0]] += by


@compiled
def _thin_ring(
    points: Points,
    begin: int,
    end: int,
    taken: NDArray[np.uint8],
    kept: NDArray[np.bool_],
    tolerance: float,
) -> None:
    """Make each side as long as it may be, from the first point on to the first again."""
    left = end - begin
    anchor, last = begin, begin + 1
    for point in range(begin + 2, end + 1):
        after = point if point < end else begin
        if (
            left > FEWEST
            and point - anchor <= LONGEST
            and _near(points, anchor, point, after, tolerance)
            and _free(points[anchor], points[last], points[after], taken)
        ):
            kept[last] = False
            taken[points[last, 1], points[last, 0]] -= 1
            left -= 1
        else:
            anchor = last
        last = point


@compiled
def _near(points: Points, anchor: int, point: int, after: int, tolerance: float) -> bool:
    """Whether all points between are within the tolerance of the side that replaces them."""
    ax, ay = np.float64(points[anchor, 0]), np.float64(points[anchor, 1])
    dx, dy = points[after, 0] - ax, points[after, 1] - ay
    length = dx * dx + dy * dy
    for between in range(anchor + 1, point):
        px, py = points[between, 0] - ax, points[between, 1] - ay
        along = min(max((px * dx + py * dy) / length, 0.0), 1.0) if length > 0 else 0.0
        ox, oy = px - along * dx, py - along * dy
        if ox * ox + oy * oy > tolerance * tolerance:
            return False
    return True


@compiled
def _free(a: Points, b: Points, c: Points, taken: NDArray[np.uint8]) -> bool:
    """Whether the triangle holds no point but its own corners, its sides included."""
    top, bottom = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
    for y in range(top, bottom + 1):
        # No more of each row than the triangle has: a long thin one would cost all of its box.
        left, right = _row(a, b, _row(b, c, _row(c, a, (FARTHEST, -1), y), y), y)
        for x in range(left, right + 1):
            count = np.int64(taken[y, x])
            count -= (x == a[0] and y == a[1]) + (x == b[0] and y == b[1])
            count -= x == c[0] and y == c[1]
            if count > 0 and _within(a, b, c, x, y):
                return False
    return True


@compiled
def _row(a: Points, b: Points, span: tuple[Any, Any], y: int) -> tuple[Any, Any]:
    """`span` and the columns that the side from a to b has in the row, rounded outwards."""
    left, right = np.int64(span[0]), np.int64(span[1])
    top, bottom = min(a[1], b[1]), max(a[1], b[1])
    if y < top or y > bottom:
        return left, right
    if top == bottom:
        return min(left, a[0], b[0]), max(right, a[0], b[0])
    along, length = np.int64(b[0] - a[0]) * (y - a[1]), np.int64(b[1] - a[1])
    return min(left, a[0] + along // length), max(right, a[0] - (-along // length))


@compiled
def _within(a: Points, b: Points, c: Points, x: int, y: int) -> bool:
    one = _side(a, b, x, y)
    two = _side(b, c, x, y)
    three = _side(c, a, x, y)
    return (one >= 0 and two >= 0 and three >= 0) or (one <= 0 and two <= 0 and three <= 0)


@compiled
def _side(a: Points, b: Points, x: int, y: int) -> int:
    return int((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]))
