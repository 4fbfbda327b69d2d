"""What must hold for the shares of any label map, at any size and factor."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import soften
from kernels.factor import small_size
from kernels.soften import MODES

CLASSES, VOID = 6, 255
SIDES = st.one_of(st.sampled_from([1, 2, 3, 7, 31, 64, 97]), st.integers(1, 70))
SHARES = st.fractions(min_value=Fraction(1, 12), max_value=1, max_denominator=12)
KINDS = st.sampled_from([np.uint8, np.uint16, np.int16, np.int32])
MODE = st.sampled_from([mode for mode in MODES if mode != "nearest-random"])


@st.composite
def label_maps(draw):
    """Noise, blocks or a mixture of both, with void."""
    height, width = draw(SIDES), draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block = draw(st.integers(1, 9))
    coarse = rng.integers(0, CLASSES + 1, (height // block + 1, width // block + 1))
    labels = coarse.repeat(block, 0).repeat(block, 1)[:height, :width]
    noisy = rng.random(labels.shape) < draw(st.sampled_from([0, 0.05, 1]))
    labels = np.where(noisy, rng.integers(0, CLASSES + 1, labels.shape), labels)
    labels[labels == CLASSES] = VOID
    return labels.astype(draw(KINDS))


@settings(max_examples=150, deadline=None)
@given(labels=label_maps(), factor=SHARES)
def test_every_cell_is_the_reference_to_the_last_bit(labels, factor):
    fast, slow = (soften(labels, factor, CLASSES, backend=b) for b in ("cpu", "reference"))
    assert np.array_equal(fast, slow)


@settings(max_examples=80, deadline=None)
@given(labels=label_maps(), factor=SHARES)
def test_mass_is_conserved(labels, factor):
    shares = soften(labels, factor, CLASSES).astype(np.float64)
    assert shares.shape == (CLASSES, *small_size(labels.shape, factor))
    for label, plane in enumerate(shares):
        assert abs(plane.mean() - (labels == label).mean()) < 1e-6


@settings(max_examples=80, deadline=None)
@given(labels=label_maps(), factor=SHARES, mode=MODE, seed=st.integers(0, 999))
def test_a_permutation_of_classes_permutes_the_planes(labels, factor, mode, seed):
    order = np.random.default_rng(seed).permutation(CLASSES)
    if mode == "majority":
        # A tie goes to the lowest class, and which one that is changes.
        order = np.arange(CLASSES)
    names = np.full(VOID + 1, VOID)
    names[order] = np.arange(CLASSES)
    renamed = names[labels].astype(labels.dtype)
    shares = soften(labels, factor, CLASSES, mode=mode)
    assert np.array_equal(soften(renamed, factor, CLASSES, mode=mode), shares[order])


@settings(max_examples=80, deadline=None)
@given(labels=label_maps(), factor=SHARES, mode=MODE.filter(lambda mode: mode != "nearest"))
def test_flips_and_turns_commute(labels, factor, mode):
    """All but `nearest`, whose pixel under an edge is always the right one."""
    shares = soften(labels, factor, CLASSES, mode=mode)
    for before, after in (
        (labels[::-1], shares[:, ::-1]),
        (labels[:, ::-1], shares[:, :, ::-1]),
        (labels.T, shares.transpose(0, 2, 1)),
    ):
        assert np.array_equal(soften(before, factor, CLASSES, mode=mode), after)


@settings(max_examples=80, deadline=None)
@given(labels=label_maps(), factor=SHARES, mode=st.sampled_from(MODES))
def test_void_never_leaks(labels, factor, mode):
    """Void is one more class that nobody looks at: the others are as they were."""
    if mode == "majority":
        return
    shares = soften(labels, factor, CLASSES, mode=mode)
    named = np.where(labels == VOID, CLASSES, labels).astype(labels.dtype)
    whole = soften(named, factor, CLASSES + 1, mode=mode)
    assert np.array_equal(whole[:CLASSES], shares)
    assert np.allclose(whole.sum(0), 1, atol=1e-6)
