"""Each label mode of `soften` is what its name says, on every backend."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kernels import soften
from kernels.cases import FACTORS, SIZES, SOFTEN_MODES
from kernels.errors import UserError
from kernels.factor import axis, read, small_size
from kernels.soften import MODES
from kernels.soften.modes import LINEAR, drawn, taps, weights

BACKENDS = ("reference", "cpu")
CLASSES = 5
LINES = [(mode, line) for mode, lines in SOFTEN_MODES.items() for line in lines]


def random_labels(size, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, size).astype(np.uint8)
    labels[rng.random(size) < 0.2] = 255
    return labels


def one_hot(labels, classes=CLASSES):
    return (labels == np.arange(classes)[:, None, None]).astype(np.float64)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("mode", "line"), LINES, ids=str)
def test_hand_worked_lines_come_out_along_both_axes(mode, line, backend):
    row = np.array([line.before], np.uint8)
    for labels in (row, row.T):
        shares = soften(labels, line.factor, 2, mode=mode, backend=backend)
        assert shares[1].ravel().tolist() == pytest.approx(line.after)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", FACTORS)
def test_the_cpu_equals_the_reference_to_the_last_bit(factor, mode):
    for size in SIZES[:-1]:
        labels = random_labels(size)
        for dtype in ("float32", "uint8"):
            fast, slow = (
                soften(labels, factor, CLASSES, mode=mode, dtype=dtype, seed=3, backend=backend)
                for backend in ("cpu", "reference")
            )
            assert np.array_equal(fast, slow)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("mode", "antialias"), [("bilinear", False), ("bilinear-aa", True)])
def test_bilinear_modes_are_torch_shrinking_one_hot_planes(mode, antialias, factor):
    for size in SIZES:
        labels = random_labels(size)
        # With antialias, torch 2.13 repeats the first value down a result of one column.
        if small_size(size, read(factor))[1] == 1:
            labels = labels.T
        planes = torch.from_numpy(one_hot(labels))[None]
        small = small_size(labels.shape, read(factor))
        expected = F.interpolate(
            planes, small, mode="bilinear", align_corners=False, antialias=antialias
        )
        shares = soften(labels, factor, CLASSES, mode=mode)
        assert np.allclose(shares, expected[0].numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", LINEAR)
@pytest.mark.parametrize("factor", FACTORS)
def test_taps_are_the_weights_without_their_zeros(mode, factor):
    for pixels in (1, 2, 9, 64, 101):
        side = axis(pixels, read(factor))
        first, some = taps(mode, side)
        dense = np.zeros((side.cells, side.pixels), np.int64)
        for cell in range(side.cells):
            dense[cell, first[cell] : first[cell] + some.shape[1]] = some[cell]
        assert np.array_equal(dense, weights(mode, side))
        assert (dense.sum(1) > 0).all()


def test_nearest_takes_one_pixel_and_that_at_the_centre():
    labels = random_labels((12, 20))
    assert np.array_equal(
        soften(labels, "1/4", CLASSES, mode="nearest"), one_hot(labels[2::4, 2::4])
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_random_pixel_is_drawn_by_coverage(backend):
    # Cells of 2.5 pixels a side, each with one pixel in the corner between them of class 1.
    labels = np.zeros((5, 5), np.uint8)
    labels[2, 2] = 1
    wanted = soften(labels, "2/5", 2)[1]
    draws = [
        soften(labels, "2/5", 2, mode="nearest-random", seed=seed, backend=backend)[1]
        for seed in range(4000)
    ]
    assert np.allclose(np.mean(draws, axis=0), wanted, atol=0.015)


def test_random_pixels_lie_in_their_cells_and_follow_the_seed():
    rows, columns = axis(97, read("0.3")), axis(101, read("0.3"))
    y, x = drawn(rows, columns, 5)
    down, across = weights("area", rows), weights("area", columns)
    i, j = np.indices(y.shape)
    assert (down[i, y] > 0).all()
    assert (across[j, x] > 0).all()
    assert np.array_equal(drawn(rows, columns, 5), (y, x))
    assert not np.array_equal(drawn(rows, columns, 6)[0], y)
    # Neighbouring seeds and cells have nothing in common.
    assert abs(np.corrcoef(y.ravel(), x.ravel() % 7)[0, 1]) < 0.1


def test_a_random_batch_draws_with_the_next_seed_for_the_next_item():
    labels = random_labels((40, 60))
    batch = soften(np.stack([labels, labels]), "1/4", CLASSES, mode="nearest-random", seed=8)
    for item, shares in enumerate(batch):
        single = soften(labels, "1/4", CLASSES, mode="nearest-random", seed=8 + item)
        assert np.array_equal(shares, single)
    assert not np.array_equal(*batch)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_majority_is_the_largest_share(factor):
    labels = random_labels((64, 96))
    labels[:30, :30] = 255
    shares, winners = (soften(labels, factor, CLASSES, mode=mode) for mode in ("area", "majority"))
    labelled = shares.sum(0) > 0
    assert np.array_equal(winners.sum(0), labelled)
    assert np.array_equal(winners.argmax(0)[labelled], shares.argmax(0)[labelled])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_of_void_has_no_mass_and_one_of_a_class_is_full(mode, backend):
    void, full = np.full((9, 7), 255, np.uint8), np.full((9, 7), 2, np.uint8)
    for factor in FACTORS:
        assert not soften(void, factor, CLASSES, mode=mode, backend=backend).any()
        shares = soften(full, factor, CLASSES, mode=mode, backend=backend)
        assert (shares[2] == 1).all()
        assert shares.sum() == shares[2].size


def test_what_64_bits_cannot_count_is_refused():
    labels = np.broadcast_to(np.uint8(0), (60_000, 60_000))
    with pytest.raises(UserError, match="labels of 60000 x 60000 pixels are too large for mode"):
        soften(labels, "1/10000", 2, mode="bilinear-aa")
