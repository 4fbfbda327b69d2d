"""The sparse form keeps the largest shares of each cell, and all of them where they are few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import soften
from kernels.errors import UserError
from kernels.soften.sparse import Sparse, pack, unpack


def shares_of(seed, classes, dtype, size=(12, 16), factor="1/4"):
    labels = np.random.default_rng(seed).integers(0, classes, size).astype(np.int32)
    labels[:3] = 65535
    return soften(labels, factor, classes, ignore=65535, dtype=dtype)


def test_a_hand_worked_cell_keeps_the_largest_and_of_equals_the_lowest():
    cell = np.array([0.125, 0.25, 0.0, 0.25, 0.25], np.float32)[:, None, None]
    sparse = pack(cell, 2)
    assert sparse.classes.ravel().tolist() == [1, 3]
    assert sparse.shares.ravel().tolist() == [0.25, 0.25]
    assert unpack(sparse, 5).ravel().tolist() == [0, 0.25, 0, 0.25, 0]


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("classes", [3, 256, 300])
def test_the_round_trip_is_exact_where_a_cell_has_no_more_classes_than_are_kept(classes, dtype):
    shares = shares_of(0, classes, dtype)
    most = int((shares > 0).sum(0).max())
    sparse = pack(shares, most)
    assert sparse.classes.dtype == (np.uint8 if classes <= 256 else np.uint16)
    assert sparse.shares.dtype == dtype
    assert np.array_equal(unpack(sparse, classes), shares)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 12),
    top=st.integers(1, 12),
    dtype=st.sampled_from(["float32", "float16", "uint8"]),
)
def test_what_is_lost_is_the_smallest_part(seed, classes, top, dtype):
    top = min(top, classes)
    shares = shares_of(seed, classes, dtype)
    kept = unpack(pack(shares, top), classes)
    assert np.all((kept == shares) | (kept == 0))
    assert (kept > 0).sum(0).max() <= top
    mass, left = shares.sum(0, dtype=np.float64), kept.sum(0, dtype=np.float64)
    assert np.all(mass - left <= mass * (classes - top) / classes + 1e-9)
    smallest = np.where(kept > 0, kept, np.inf).min(0)
    assert np.all(np.where(kept == shares, 0, shares).max(0) <= smallest)


def test_a_batch_is_packed_item_by_item():
    batch = np.stack([shares_of(seed, 6, "float16") for seed in range(3)])
    sparse = pack(batch, 3)
    singles = [pack(one, 3) for one in batch]
    assert np.array_equal(sparse.classes, np.stack([one.classes for one in singles]))
    assert np.array_equal(unpack(sparse, 6), np.stack([unpack(one, 6) for one in singles]))


@pytest.mark.parametrize(
    ("shares", "top", "says"),
    [
        (np.zeros((3, 2, 2)), 1, "shares must be a float32, float16 or uint8 array"),
        (np.zeros((2, 2), np.float32), 1, r"shares must be \[C,h,w\]"),
        (np.zeros((3, 0, 2), np.float32), 1, "not empty"),
        (np.zeros((3, 2, 2), np.float32), 0, "top must be 1 to 3"),
        (np.zeros((3, 2, 2), np.float32), 4, "top must be 1 to 3"),
    ],
)
def test_what_cannot_be_packed_is_named(shares, top, says):
    with pytest.raises(UserError, match=says):
        pack(shares, top)


def test_what_cannot_be_unpacked_is_named():
    sparse = pack(shares_of(0, 6, "float32"), 6)
    with pytest.raises(UserError, match="classes is 5, but sparse has a class 5"):
        unpack(sparse, 5)
    torn = Sparse(classes=sparse.classes, shares=sparse.shares[:2])
    with pytest.raises(UserError, match="sparse has classes"):
        unpack(torn, 6)
