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
        (np.zeros((0, 4, 3), np.uint8), "not empty"),
    ],
)
def test_what_is_no_picture_is_refused(picture, says):
    with pytest.raises(UserError, match=says):
        shrink(picture, "1/4")


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(UserError, match="unknown backend 'cuda'; choose from cpu, reference"):
        shrink(random_picture((4, 4)), "1/2", backend="cuda")
