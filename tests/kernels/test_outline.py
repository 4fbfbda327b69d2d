"""Rings around regions: exact, simple, closed, and still so with points left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kernels.outline import areas, outline
from kernels.regions import regions
from kernels.simplify import FARTHEST, _row, _within, simplify

MASKS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 2)
)


def traced(mask, classes=3, covered=None):
    covered = np.ones(classes, bool) if covered is None else covered
    numbers, labels = regions(mask, covered)
    return numbers, labels, outline(numbers)


def ring_list(rings):
    """Each ring as (region, points)."""
    parts = np.split(rings.points, rings.ends[:-1]) if rings.ends.size else []
    return [(int(region), part) for region, part in zip(rings.regions, parts, strict=True)]


def filled(ring, size):
    """The pixels whose centre is inside a ring by the even-odd rule."""
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.zeros(size, bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if ay != by:
            spans = (ay > y) != (by > y)
            inside ^= spans & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside


def painted_back(rings, labels, size):
    mask = np.full(size, 255)
    taken = np.zeros(size, int)
    planes = {}
    for region, ring in ring_list(rings):
        planes[region] = planes.get(region, np.zeros(size, bool)) ^ filled(ring, size)
    for region, plane in planes.items():
        mask[plane] = labels[region]
        taken += plane
    return mask, taken


def spread(start, mask):
    """The pixels of one class that sides lead to, one after the other."""
    seen, wanted = {start}, [start]
    while wanted:
        y, x = wanted.pop()
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
            if inside and near not in seen and mask[near] == mask[start]:
                seen.add(near)
                wanted.append(near)
    return seen


def meet(a, b, c, d):
    """Whether two sides share any point."""

    def side(p, q, r):
        return np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    def on(p, q, r):
        return side(p, q, r) == 0 and all(
            min(p[i], q[i]) <= r[i] <= max(p[i], q[i]) for i in (0, 1)
        )

    crossing = side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
    return crossing or on(a, b, c) or on(a, b, d) or on(c, d, a) or on(c, d, b)


def assert_valid(rings):
    """Every ring is simple; two rings of one region touch at corners of both and nowhere else."""
    parts = ring_list(rings)
    for at, (region, ring) in enumerate(parts):
        points = [tuple(map(int, point)) for point in ring]
        assert len(points) >= 3
        assert len(set(points)) == len(points)
        count = len(points)
        for i in range(count):
            for j in range(i + 2, count):
                if (i, j) != (0, count - 1):
                    assert not meet(points[i], points[i + 1], points[j], points[(j + 1) % count]), (
                        points
                    )
        for other, further in parts[at + 1 :]:
            if other == region:
                assert_apart(points, [tuple(map(int, point)) for point in further])


def assert_apart(one, other):
    corners = set(one) & set(other)
    for a, b in zip(one, one[1:] + one[:1], strict=True):
        for c, d in zip(other, other[1:] + other[:1], strict=True):
            if meet(a, b, c, d):
                assert {a, b} & {c, d} & corners, (a, b, c, d)


def test_one_pixel_has_a_square_around_it():
    _, _, rings = traced(np.zeros((1, 1), np.uint8))
    assert rings.points.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert areas(rings.points, rings.ends).tolist() == [2]


def test_a_hole_comes_after_its_exterior_and_runs_the_other_way():
    mask = np.zeros((3, 3), np.uint8)
    mask[1, 1] = 1
    _, labels, rings = traced(mask)
    assert rings.regions.tolist() == [1, 1, 2]
    assert labels[1:].tolist() == [0, 1]
    assert areas(rings.points, rings.ends).tolist() == [18, -2, 2]


def test_pixels_that_share_a_corner_alone_are_regions_of_their_own():
    _, _, rings = traced(np.array([[1, 0], [0, 1]], np.uint8))
    assert rings.regions.tolist() == [1, 2, 3, 4]
    assert areas(rings.points, rings.ends).tolist() == [2, 2, 2, 2]


def test_a_hole_may_touch_its_exterior_at_a_corner_without_becoming_part_of_it():
    # The zero in the middle and that of the corner share a corner alone.
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.uint8)
    _, _, rings = traced(mask, covered=np.array([False, True, False]))
    assert areas(rings.points, rings.ends).tolist() == [16, -2]
    assert_valid(rings)


def test_a_class_that_is_not_covered_has_no_rings():
    _, _, rings = traced(np.zeros((4, 5), np.uint8), covered=np.zeros(3, bool))
    assert rings.points.shape == (0, 2)
    assert rings.ends.size == rings.regions.size == 0


@settings(max_examples=150, deadline=None)
@given(MASKS)
def test_regions_are_what_sides_connect(mask):
    numbers, labels = regions(mask, np.ones(3, bool))
    plane = numbers[1:-1, 1:-1]
    assert not numbers[0].any()
    assert not numbers[:, 0].any()
    for number in range(1, len(labels)):
        where = list(zip(*map(np.ndarray.tolist, np.nonzero(plane == number)), strict=True))
        assert spread(where[0], mask) == set(where)
        assert mask[where[0]] == labels[number]
    assert plane.min() == 1


@settings(max_examples=150, deadline=None)
@given(MASKS)
def test_rings_filled_again_are_the_mask_bit_for_bit(mask):
    _, labels, rings = traced(mask)
    back, taken = painted_back(rings, labels, mask.shape)
    assert (taken == 1).all()
    assert np.array_equal(back, mask)


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_rings_are_simple_one_exterior_a_region_and_sized_in_pixels(mask):
    numbers, labels, rings = traced(mask)
    assert_valid(rings)
    twice = areas(rings.points, rings.ends)
    first = np.flatnonzero(np.diff(rings.regions, prepend=0))
    assert len(first) == len(labels) - 1
    assert (twice[first] > 0).all()
    assert (np.delete(twice, first) < 0).all()
    pixels = np.bincount(rings.regions, twice).astype(int) // 2
    assert pixels[1:].tolist() == np.bincount(numbers.ravel())[1:].tolist()


def blobs(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(3, 12, 16)).repeat(4, 1).repeat(4, 2)
    return (coarse + rng.normal(0, 0.35, (3, 48, 64))).argmax(axis=0).astype(np.uint8)


@pytest.mark.parametrize("tolerance", [0.8, 2.0, 50.0])
@pytest.mark.parametrize("seed", range(2))
def test_points_left_out_leave_valid_rings_of_the_same_sense(seed, tolerance):
    _, _, rings = traced(blobs(seed)[:24, :32])
    fewer = simplify(rings, (24, 32), tolerance)
    assert len(fewer.points) < len(rings.points)
    assert fewer.regions.tolist() == rings.regions.tolist()
    assert_valid(fewer)
    before, after = areas(rings.points, rings.ends), areas(fewer.points, fewer.ends)
    assert np.array_equal(np.sign(before), np.sign(after))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([0.5, 1.0, 3.0, 100.0]))
def test_no_mask_is_simplified_into_an_invalid_ring(mask, tolerance):
    _, _, rings = traced(mask)
    assert_valid(simplify(rings, mask.shape, tolerance))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([0.5, 1.0, 3.0]))
def test_what_is_left_out_lies_within_the_tolerance_of_what_is_left(mask, tolerance):
    _, _, rings = traced(mask)
    fewer = simplify(rings, mask.shape, tolerance)
    for (_, whole), (_, part) in zip(ring_list(rings), ring_list(fewer), strict=True):
        ends = np.roll(part, -1, axis=0)
        for point in whole:
            along = ends - part
            share = ((point - part) * along).sum(1) / (along**2).sum(1)
            nearest = part + np.clip(share, 0, 1)[:, None] * along
            assert np.hypot(*(nearest - point).T).min() <= tolerance + 1e-9


def test_a_tolerance_of_zero_leaves_out_nothing():
    _, _, rings = traced(blobs(0))
    assert simplify(rings, (48, 64), 0) is rings


def test_no_more_of_a_row_is_searched_than_a_triangle_has_of_it():
    corners = np.random.default_rng(5).integers(0, 40, (30, 3, 2), np.int32)
    for a, b, c in corners:
        for y in range(min(a[1], b[1], c[1]), max(a[1], b[1], c[1]) + 1):
            span = (FARTHEST, -1)
            for one, other in ((a, b), (b, c), (c, a)):
                span = _row(one, other, span, y)
            held = [x for x in range(40) if _within(a, b, c, x, y)]
            # A row may pass between two columns and hold none.
            assert not held or span[0] <= held[0] <= held[-1] <= span[1]
            assert span[1] - span[0] <= (held[-1] - held[0] if held else 0) + 2
