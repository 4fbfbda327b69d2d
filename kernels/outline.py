"""The borders of regions as closed rings of pixel corners.

Pixel (x, y) is the square from (x, y) to (x + 1, y + 1), with y going down. Rings run along the
sides of pixels: an exterior has positive area by the shoelace formula, a hole negative. Regions are
of pixels that share sides; where two pixels of one region meet at a corner only, the ring goes on
from one to the other. So it never passes a corner twice, and rings of a region may touch at corners
but never cross.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled

Points = NDArray[np.int32]  # [N,2] of x and y


@dataclass(frozen=True, kw_only=True)
class Rings:
    """All rings of a picture, those of one region after the other, its exterior first."""

    points: Points  # of ring after ring, the first point of a ring is not repeated
    ends: NDArray[np.int64]  # [R] where each ring ends in `points`
    regions: NDArray[np.int64]  # [R] the number of the region that each ring is of


def outline(numbers: NDArray[np.int32]) -> Rings:
    """The rings of the regions in a framed plane of numbers, as `kernels.regions` makes it."""
    points, ends, regions = _follow_all(numbers)
    order = np.argsort(regions, kind="stable")
    if (order[1:] > order[:-1]).all():
        return Rings(points=points, ends=ends, regions=regions)
    moved, moved_ends = _reorder(points, ends, order)
    return Rings(points=moved, ends=moved_ends, regions=regions[order])


@compiled
def _follow_all(
    numbers: NDArray[np.int32],
) -> tuple[Points, NDArray[np.int64], NDArray[np.int64]]:
    """Every ring, by its first side that lies on top of a pixel."""
    height, width = numbers.shape[0] - 2, numbers.shape[1] - 2
    seen = np.zeros((height, width), np.bool_)
    points = np.empty((1024, 2), np.int32)
    ends, regions = np.empty(256, np.int64), np.empty(256, np.int64)
    used, rings = 0, 0
    for y in range(height):
        for x in range(width):
            number = numbers[y + 1, x + 1]
            if number == 0 or numbers[y, x + 1] == number or seen[y, x]:
                continue
            points, used = _follow(numbers, seen, y, x, points, used)
            if rings == ends.size:
                ends = np.concatenate((ends, np.empty_like(ends)))
                regions = np.concatenate((regions, np.empty_like(regions)))
            ends[rings], regions[rings] = used, number
            rings += 1
    return points[:used].copy(), ends[:rings].copy(), regions[:rings].copy()


@compiled
def _follow(
    numbers: NDArray[np.int32],
    seen: NDArray[np.bool_],
    first_y: int,
    first_x: int,
    points: Points,
    used: int,
) -> tuple[Points, int]:
    """One ring from the left end of a top side on, its region at the right hand on the screen."""
    number = numbers[first_y + 1, first_x + 1]
    # Right, down, left, up; in the framed plane pixel (y, x) lies at [y + 1, x + 1].
    steps_y, steps_x = (0, 1, 0, -1), (1, 0, -1, 0)
    # The pixels ahead of a corner: beyond the border, and at the side of the region.
    beyond_y, beyond_x = (0, 1, 1, 0), (1, 1, 0, 0)
    inside_y, inside_x = (1, 1, 0, 0), (1, 0, 0, 1)
    y, x, heading = first_y, first_x, 0
    while True:
        if used == len(points):
            points = np.concatenate((points, np.empty_like(points)))
        points[used, 0], points[used, 1] = x, y
        used += 1
        straight = True
        while straight:
            if heading == 0:
                seen[y, x] = True
            y += steps_y[heading]
            x += steps_x[heading]
            if numbers[y + beyond_y[heading], x + beyond_x[heading]] == number:
                heading, straight = (heading + 3) % 4, False
            elif numbers[y + inside_y[heading], x + inside_x[heading]] != number:
                heading, straight = (heading + 1) % 4, False
        if y == first_y and x == first_x:
            return points, used


@compiled
def _reorder(
    points: Points, ends: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[Points, NDArray[np.int64]]:
    moved, moved_ends = np.empty_like(points), np.empty_like(ends)
    used = 0
    for place in range(order.size):
        ring = order[place]
        begin = ends[ring - 1] if ring > 0 else 0
        size = ends[ring] - begin
        moved[used : used + size] = points[begin : begin + size]
        used += size
        moved_ends[place] = used
    return moved, moved_ends


@compiled
def areas(points: Points, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Twice the area of each ring by the shoelace formula: negative for holes."""
    found = np.zeros(ends.size, np.int64)
    begin = 0
    for ring in range(ends.size):
        last = ends[ring] - 1
        for point in range(begin, ends[ring]):
            found[ring] += np.int64(points[last, 0]) * points[point, 1]
            found[ring] -= np.int64(points[point, 0]) * points[last, 1]
            last = point
        begin = ends[ring]
    return found
