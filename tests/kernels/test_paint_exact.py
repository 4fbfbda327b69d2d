"""The shortcuts of `paint` on the CPU change no bit: adversarial logits against the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import painting
from kernels.taps import taps

LARGEST = np.finfo(np.float32).max
SHAPES = [
    # classes, logits, mask
    (19, (16, 32), (251, 517)),
    (5, (1, 7), (33, 5)),
    (4, (6, 1), (2, 600)),
    (12, (20, 20), (7, 9)),
    (1, (3, 3), (9, 9)),
    (2, (9, 9), (9, 9)),
    (256, (5, 4), (21, 19)),
    (300, (9, 9), (50, 77)),
    (3, (1, 1), (4, 4)),
    (6, (1, 1), (700, 3)),
    (150, (8, 8), (32, 43)),
]


def smooth(rng, shape):
    """A plane per class that bends a little."""
    classes, rows, columns = shape
    slopes = rng.normal(size=(2, classes, 1, 1)) * 3
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)
    return slopes[0] * y + slopes[1] * x + 0.2 * rng.normal(size=shape)


def step(values, rng, most=3):
    """Each number moved by up to a few units in the last place."""
    moved = values.astype(np.float32)
    steps = rng.integers(-most, most + 1, moved.shape).astype(np.int32)
    return (np.maximum(np.abs(moved).view(np.int32) + steps, 0)).view(np.float32)


def shares_like(rng, shape):
    """Most classes at one floor, a few above it: what the log of class shares looks like."""
    return np.log(np.maximum(smooth(rng, shape) - 3, 0) + 1e-3)


def not_finite(rng, shape):
    odd = np.array([np.nan, np.inf, -np.inf, LARGEST, -LARGEST, 0, 1])
    return np.where(rng.random(shape) < 0.3, rng.choice(odd, shape), smooth(rng, shape))


KINDS = {
    "smooth": smooth,
    "random": lambda rng, shape: rng.normal(size=shape),
    "ties": lambda rng, shape: np.round(smooth(rng, shape)),
    "all equal": lambda rng, shape: np.full(shape, 0.1),
    "two levels": lambda rng, shape: rng.choice([0.1, 0.3], shape, p=[0.9, 0.1]),
    "around a thousand": lambda rng, shape: step(1000 + np.round(smooth(rng, shape) / 4), rng),
    "one plane, few ulps apart": lambda rng, shape: step(
        np.abs(smooth(rng, (1, *shape[1:]))) + np.zeros(shape), rng
    ),
    "a hair above a lower class": lambda rng, shape: step(np.full(shape, 0.7), rng, 1),
    "some ulps above, or far below": lambda rng, shape: np.where(
        rng.random(shape) < 0.2, -1e30, step(np.full(shape, 3.3), rng, 12)
    ),
    "denormal": lambda rng, shape: rng.integers(0, 9, shape) * 1e-45,
    "next to denormal": lambda rng, shape: smooth(rng, shape) * 2e-38,
    "huge": lambda rng, shape: np.clip(smooth(rng, shape) * 1e38, -LARGEST, LARGEST),
    "largest, few ulps apart": lambda rng, shape: (
        -step(np.full(shape, LARGEST), rng, 0) * rng.choice([1, 1 - 6e-8, -1], shape)
    ),
    "not finite": not_finite,
    "floor": shares_like,
    "signed zeros": lambda rng, shape: rng.choice([0.0, -0.0], shape),
}


def assert_exact(logits, size, window=None):
    """The CPU and the reference, with the margin and without."""
    plain = painting(logits, size, window=window, backend="cpu")
    rich = painting(logits, size, window=window, margin=True, backend="cpu")
    meant = painting(logits, size, window=window, margin=True, backend="reference")
    assert plain.mask.dtype == meant.mask.dtype
    for done in (plain, rich):
        assert np.array_equal(done.mask, meant.mask)
        assert np.array_equal(done.counts, meant.counts)
    assert np.array_equal(rich.margin, meant.margin)


@pytest.mark.parametrize(("classes", "cells", "size"), SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_cpu_equals_the_reference_bit_for_bit(classes, cells, size, kind):
    rng = np.random.default_rng(classes)
    assert_exact(KINDS[kind](rng, (classes, *cells)).astype(np.float32), size)


SIDES = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(sorted(KINDS)),
    classes=st.integers(1, 9),
    sides=SIDES,
    crop=st.booleans(),
)
def test_and_so_it_does_at_any_size(seed, kind, classes, sides, crop):
    rows, columns, height, width = sides
    logits = KINDS[kind](np.random.default_rng(seed), (classes, rows, columns))
    window = (height // 3, width // 4, (height + 1) // 2, (width + 1) // 2) if crop else None
    assert_exact(logits.astype(np.float32), (height, width), window)


@pytest.mark.parametrize("ulps", [1, 2, 3, 8, 30, 64, 200])
@pytest.mark.parametrize("far_below", [0, 1, 4])
def test_a_lower_class_that_ties_by_rounding_alone_wins_there(ulps, far_below):
    # Class 1 leads class 0 at all four corners, by so little that blending can lose it.
    rng = np.random.default_rng(ulps)
    high = rng.uniform(0.5, 2, (1, 40, 40)).astype(np.float32)
    low = (high.view(np.int32) - rng.integers(1, ulps + 1, high.shape, np.int32)).view(np.float32)
    low[rng.random(low.shape) < far_below / 8] -= 1e6
    logits = np.concatenate([low, high])
    assert_exact(logits, (333, 777))
    if ulps == 1 and not far_below:
        assert painting(logits, (333, 777)).counts[0] > 0


@pytest.mark.parametrize("cells", [1, 2, 3, 64, 97])
def test_blending_the_largest_number_with_itself_does_not_overflow(cells):
    for pixels in range(1, 2000, 7):
        weight = taps(pixels, cells).weight
        assert (((1 - weight) * LARGEST + weight * LARGEST) <= LARGEST).all()


def test_a_map_of_one_row_is_worked_by_all_threads():
    runs = taps(1000, 1).runs(256)
    assert runs.tolist() == [0, 256, 512, 768, 1000]
    assert taps(8, 2).runs(256).tolist() == [0, 6, 8]
    assert taps(8, 2, 5, 2).runs(256).tolist() == [0, 1, 2]
