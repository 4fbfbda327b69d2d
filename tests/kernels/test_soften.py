"""`soften` gives exact class shares; void is missing mass."""

import numpy as np
import pytest

from kernels import shrink, soften, threads
from kernels.cases import FACTORS, SIZES, SOFTEN
from kernels.errors import UserError
from kernels.factor import small_size
from kernels.soften import MODES

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
@pytest.mark.parametrize("factor", ["1/4", "2/5"])
def test_label_types_do_not_change_the_shares(dtype, factor):
    labels, small = random_labels((33, 51), dtype=dtype), random_labels((33, 51))
    assert np.array_equal(soften(labels, factor, CLASSES), soften(small, factor, CLASSES))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_short_shares_are_the_same_on_both_backends(dtype, factor):
    for size in SIZES:
        labels = random_labels(size)
        fast, slow = (
            soften(labels, factor, CLASSES, dtype=dtype, backend=b) for b in ("cpu", "reference")
        )
        assert fast.dtype == slow.dtype == dtype
        assert np.array_equal(fast, slow)


def test_half_shares_are_rounded_from_single_ones_down_to_the_smallest():
    # 1 / 250000 is below the smallest normal float16.
    for count in (1, 7, 15, 16, 100, 131072 // 1000, 249_999):
        labels = np.zeros(250_000, np.uint8)
        labels[:count] = 1
        shares = soften(labels.reshape(500, 500), "1/500", 2, dtype=np.float16)
        expected = np.array([250_000 - count, count]) / 250_000
        assert shares.ravel().tolist() == expected.astype(np.float32).astype(np.float16).tolist()


@pytest.mark.parametrize("factor", FACTORS)
def test_quantised_shares_are_the_bytes_of_shrunk_one_hot_planes(factor):
    labels = random_labels((97, 101))
    shares = soften(labels, factor, CLASSES, dtype=np.uint8)
    for label in range(CLASSES):
        plane = np.where(labels == label, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
        assert np.array_equal(shares[label], shrink(plane, factor)[..., 0])


def test_half_a_share_of_one_bit_goes_to_the_even_neighbour():
    labels = np.array([[0, 1]], np.uint8)
    # 127.5 of 255.
    assert soften(labels, "1/2", 2, dtype=np.uint8).ravel().tolist() == [128, 128]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_classes_may_be_more_than_a_byte_counts(dtype):
    labels = np.random.default_rng(0).integers(0, 700, (24, 40)).astype(dtype)
    labels[:5] = 30_000
    fast, slow = (
        soften(labels, "2/5", 700, ignore=30_000, backend=b) for b in ("cpu", "reference")
    )
    assert np.array_equal(fast, slow)


@pytest.mark.parametrize("backend", BACKENDS)
def test_void_may_be_negative_or_a_number_labels_cannot_hold(backend):
    labels = np.array([[0, -1], [1, -1]], np.int16)
    assert soften(labels, "1/2", 2, ignore=-1, backend=backend).ravel().tolist() == [0.25, 0.25]
    full = np.array([[0, 1]], np.uint8)
    for ignore in (-1, 300, 2**70):
        shares = soften(full, "1/2", 2, ignore=ignore, backend=backend)
        assert shares.ravel().tolist() == [0.5, 0.5]


def test_numbers_may_be_numpy_ones():
    labels = random_labels((9, 9))
    shares = soften(labels, "1/4", np.uint8(CLASSES), ignore=np.uint8(255), seed=np.int64(1))
    assert np.array_equal(shares, soften(labels, "1/4", CLASSES))


@pytest.mark.parametrize("mode", MODES)
def test_the_number_of_threads_does_not_matter(mode, monkeypatch):
    labels = random_labels((97, 101))
    expected = soften(labels, "2/5", CLASSES, mode=mode, backend="reference")
    for count in (1, 3, 7):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        assert np.array_equal(soften(labels, "2/5", CLASSES, mode=mode), expected)


@pytest.mark.parametrize("mode", MODES)
def test_views_that_are_not_contiguous_are_read_right(mode):
    labels = random_labels((40, 60))[::-1, ::-2]
    for view in (labels, labels.T):
        shares = soften(view, "2/5", CLASSES, mode=mode)
        assert np.array_equal(shares, soften(view.copy(), "2/5", CLASSES, mode=mode))


def test_a_batch_is_its_label_maps_one_by_one():
    batch = np.stack([random_labels((33, 51), seed) for seed in range(3)])
    singles = [soften(one, "2/5", CLASSES) for one in batch]
    assert np.array_equal(soften(batch, "2/5", CLASSES), np.stack(singles))


def test_a_cell_of_void_alone_has_no_mass():
    assert soften(np.full((8, 8), 255, np.uint8), "1/4", 3).sum() == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("label", "dtype"), [(7, np.uint8), (-1, np.int16), (254, np.uint8), (70_000, np.int32)]
)
def test_a_label_that_is_no_class_is_named(label, dtype, mode, backend):
    labels = np.zeros((9, 9), dtype)
    # Wherever it lies, and whether or not the mode would look there; the lowest one of several.
    labels[8, 3], labels[0, 1] = label, 255
    labels[4, 4] = min(label + 1, 255) if label >= 0 else label
    with pytest.raises(UserError, match=f"label {label} is neither a class"):
        soften(labels, "1/4", CLASSES, mode=mode, backend=backend)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"labels": np.zeros((4, 4), np.float32)}, "uint8, uint16"),
        ({"labels": np.zeros((4,), np.uint8)}, r"\[H,W\]"),
        ({"labels": np.zeros((0, 4), np.uint8)}, "not empty"),
        ({"classes": 0}, "classes must be 1"),
        ({"classes": 70000}, "classes must be 1"),
        ({"ignore": 2}, "also a class"),
        ({"classes": 2.0}, "classes must be a whole number"),
        ({"ignore": None}, "ignore must be a whole number"),
        ({"seed": "0"}, "seed must be a whole number"),
        ({"mode": "aera"}, "did you mean 'area'"),
        ({"dtype": "float23"}, "unknown dtype of shares 'float23'; choose from float16, float32"),
        ({"dtype": np.float64}, "unknown dtype of shares 'float64'"),
    ],
)
def test_bad_arguments_are_named(arguments, says):
    good = {"labels": np.zeros((4, 4), np.uint8), "factor": "1/2", "classes": 3}
    with pytest.raises(UserError, match=says):
        soften(**{**good, **arguments})
