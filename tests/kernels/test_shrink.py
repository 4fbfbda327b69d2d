"""`shrink` is the exact mean of each cell, on every backend."""

import numpy as np
import pytest

from kernels import shrink
from kernels.cases import FACTORS, SHRINK, SIZES
from kernels.errors import UserError

BACKENDS = ("reference", "cpu")


def random_picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("line", SHRINK, ids=str)
def test_hand_worked_lines_come_out_along_both_axes(line, backend):
    row = np.repeat(np.array(line.before, np.uint8)[None, :, None], 3, axis=2)
    for picture, axis in ((row, 1), (row.transpose(1, 0, 2), 0)):
        small = shrink(picture, line.factor, backend=backend)
        assert small.shape[axis] == len(line.after)
        assert small[..., 0].ravel().tolist() == list(line.after)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_the_cpu_equals_the_reference(size, factor):
    picture = random_picture(size)
    assert np.array_equal(shrink(picture, factor), shrink(picture, factor, backend="reference"))


@pytest.mark.parametrize("sight", [2, 3])
@pytest.mark.parametrize("factor", ["1/4", "1/3", "1/8", "0.3"])
@pytest.mark.parametrize("size", SIZES)
def test_a_sight_cuts_every_cell_into_as_many(size, factor, sight):
    picture = random_picture(size)
    seen, cells = shrink(picture, factor, sight), shrink(picture, factor)
    assert seen.shape[:2] == (cells.shape[0] * sight, cells.shape[1] * sight)
    assert np.array_equal(seen, shrink(picture, factor, sight, backend="reference"))
    means = seen.reshape(cells.shape[0], sight, cells.shape[1], sight, 3).mean((1, 3))
    # Each of the means was rounded before, by a half at most.
    assert np.abs(means - cells).max() <= 1


def test_a_sight_of_twice_a_quarter_is_a_half_where_the_sides_divide():
    picture = random_picture((40, 64))
    assert np.array_equal(shrink(picture, "1/4", 2), shrink(picture, "1/2"))
    assert np.array_equal(shrink(picture, "1/4", 4), picture)


@pytest.mark.parametrize("bright", [False, True])
@pytest.mark.parametrize(
    ("size", "factor"),
    [
        ((5, 12), "1/4"),  # 5 x 4 pixels: halves of halves
        ((6, 18), "1/6"),  # 6 x 6: a half, then three
        ((9, 15), "1/3"),
        ((32, 32), "1/16"),  # 256 pixels, the most 16 bits add up
        ((17, 32), "1/16"),  # 17 x 16
        ((80, 160), "1/40"),
    ],
)
def test_cells_of_whole_pixels_add_up_without_overflow(size, factor, bright):
    picture = random_picture(size)
    if bright:
        picture[:] = 255
    assert np.array_equal(shrink(picture, factor), shrink(picture, factor, backend="reference"))


@pytest.mark.parametrize("side", [2, 3, 4, 8])
def test_every_total_of_a_cell_rounds_half_to_even(side):
    area = side * side
    totals = np.arange(area * 255 + 1)[:, None]
    cells = totals // area + (np.arange(area) < totals % area)
    picture = cells.astype(np.uint8).reshape(-1, side, 1).repeat(3, axis=2)
    small = shrink(picture, f"1/{side}")
    assert small.shape == (len(totals), 1, 3)
    assert np.array_equal(small[:, 0, :], np.rint(totals / area).repeat(3, axis=1))


def test_views_that_are_not_contiguous_are_read_right():
    picture = random_picture((40, 60))
    flipped = picture[::-1, ::-2]
    assert np.array_equal(shrink(flipped, "1/4"), shrink(flipped.copy(), "1/4"))


def test_a_batch_is_its_pictures_one_by_one():
    batch = np.stack([random_picture((33, 51), seed) for seed in range(3)])
    assert np.array_equal(shrink(batch, "2/5"), np.stack([shrink(one, "2/5") for one in batch]))


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        ([[1, 2], [3, 4]], "uint8"),
        (np.zeros((4, 4), np.uint8), r"\[H,W,3\]"),
        (np.zeros((4, 4, 4), np.uint8), r"\[H,W,3\]"),
        (np.zeros((0, 4, 3), np.uint8), "not empty"),
    ],
)
def test_what_is_no_picture_is_refused(picture, says):
    with pytest.raises(UserError, match=says):
        shrink(picture, "1/4")


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(
        UserError, match="unknown backend 'cuda'; choose from auto, cpu, reference, triton"
    ):
        shrink(random_picture((4, 4)), "1/2", backend="cuda")
