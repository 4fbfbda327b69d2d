"""`soften` gives exact class shares; void is missing mass."""

import numpy as np
import pytest

from kernels import shrink, soften
from kernels.cases import FACTORS, SIZES, SOFTEN
from kernels.errors import UserError
from kernels.factor import small_size

BACKENDS = ("reference", "cpu")
CLASSES = 5


def random_labels(size, seed=0, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, size).astype(dtype)
    labels[rng.random(size) < 0.2] = 255
    return labels


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("line", SOFTEN, ids=str)
def test_hand_worked_lines_come_out_along_both_axes(line, backend):
    row = np.array([line.before], np.uint8)
    for labels in (row, row.T):
        shares = soften(labels, line.factor, 2, backend=backend)
        assert shares[1].ravel().tolist() == pytest.approx(line.after)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_the_cpu_equals_the_reference_to_the_last_bit(size, factor):
    labels = random_labels(size)
    fast, slow = (soften(labels, factor, CLASSES, backend=b) for b in ("cpu", "reference"))
    assert fast.dtype == slow.dtype == np.float32
    assert np.array_equal(fast, slow)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", SIZES)
def test_mass_is_the_labelled_part_of_the_picture(size, factor):
    labels = random_labels(size)
    shares = soften(labels, factor, CLASSES)
    assert shares.min() >= 0
    assert shares.sum(0).max() <= 1 + 1e-6
    height, width = small_size(size, shares_factor(factor))
    assert shares.shape == (CLASSES, height, width)
    assert shares.mean((1, 2)).sum() == pytest.approx((labels != 255).mean(), abs=1e-5)


def shares_factor(text):
    from kernels.factor import read

    return read(text)


@pytest.mark.parametrize("factor", FACTORS)
def test_softening_labels_is_shrinking_their_one_hot_planes(factor):
    labels = random_labels((97, 101))
    shares = soften(labels, factor, CLASSES)
    for label in range(CLASSES):
        plane = np.where(labels == label, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
        assert np.array_equal(shrink(plane, factor)[..., 0], np.rint(shares[label] * 255.0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32])
def test_label_types_do_not_change_the_shares(dtype):
    labels = random_labels((33, 51), dtype=dtype)
    assert np.array_equal(soften(labels, "1/4", CLASSES), soften(random_labels((33, 51)), "1/4", 5))


def test_a_cell_of_void_alone_has_no_mass():
    assert soften(np.full((8, 8), 255, np.uint8), "1/4", 3).sum() == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("label", "dtype"), [(7, np.uint8), (-1, np.int16), (254, np.uint8)])
def test_a_label_that_is_no_class_is_named(label, dtype, backend):
    labels = np.zeros((9, 9), dtype)
    labels[8, 3] = label
    with pytest.raises(UserError, match=f"label {label} is neither a class"):
        soften(labels, "1/4", CLASSES, backend=backend)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"labels": np.zeros((4, 4), np.float32)}, "uint8, uint16"),
        ({"labels": np.zeros((4,), np.uint8)}, r"\[H,W\]"),
        ({"labels": np.zeros((0, 4), np.uint8)}, "not empty"),
        ({"classes": 0}, "classes must be 1"),
        ({"classes": 70000}, "classes must be 1"),
        ({"ignore": 2}, "also a class"),
        ({"mode": "aera"}, "did you mean 'area'"),
    ],
)
def test_bad_arguments_are_named(arguments, says):
    good = {"labels": np.zeros((4, 4), np.uint8), "factor": "1/2", "classes": 3}
    with pytest.raises(UserError, match=says):
        soften(**{**good, **arguments})
