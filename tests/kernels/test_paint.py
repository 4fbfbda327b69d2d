"""`paint` is bilinear up-sampling and argmax, tie by tie; `painting` also counts and compares."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import paint, painting
from kernels.cases import PAINT
from kernels.errors import UserError
from kernels.factor import read
from kernels.paint.reference import blended

BACKENDS = ["reference", "cpu"]


def field(classes, cells, seed=0):
    """Logits as a network gives them: smooth, with a few classes in play at each place."""
    rng = np.random.default_rng(seed)
    down, across = (np.arange(n)[:, None] / n * rng.uniform(4, 9, classes) for n in cells)
    waves = np.sin(down + rng.uniform(0, 6, classes))[:, None] + np.sin(across * 1.7)[None]
    logits = 4 * waves + rng.normal(size=classes) + 0.1 * rng.normal(size=(*cells, classes))
    return np.ascontiguousarray(logits.transpose(2, 0, 1), np.float32)


@pytest.mark.parametrize("line", PAINT, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_hand_worked_lines_come_out_along_both_axes(line, backend):
    lead = np.array(line.before, np.float32)
    logits = np.stack([lead, np.zeros_like(lead)])
    pixels = round(len(lead) / read(line.factor))
    across = paint(logits[:, None, :], (1, pixels), backend=backend)
    down = paint(logits[:, :, None], (pixels, 1), backend=backend)
    assert across.ravel().tolist() == down.ravel().tolist() == list(line.after)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_margin_is_the_lead_in_sixteenths_cut_to_a_byte(backend):
    logits = np.zeros((3, 1, 5), np.float32)
    # Leads over a second class that is zero: by nothing, half, a hair below one, 15.94, much.
    logits[1] = [0, 0.5, np.nextafter(np.float32(1), np.float32(0)), 15.9375, 1e30]
    done = painting(logits, (1, 5), margin=True, backend=backend)
    assert done.margin.dtype == np.uint8
    assert done.margin.tolist() == [[0, 8, 15, 255, 255]]
    assert done.mask.tolist() == [[0, 1, 1, 1, 1]]
    assert done.counts.tolist() == [1, 4, 0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_class_alone_leads_by_all_there_is(backend):
    done = painting(np.zeros((1, 2, 3), np.float32), (5, 7), margin=True, backend=backend)
    assert (done.margin == 255).all()
    assert done.counts.tolist() == [35]


@pytest.mark.parametrize("backend", BACKENDS)
def test_there_is_a_margin_only_where_one_is_asked_for(backend):
    assert painting(field(3, (4, 4)), (8, 8), backend=backend).margin is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("classes", [1, 19, 256, 300])
def test_the_counts_are_those_of_the_mask(classes, backend):
    done = painting(field(classes, (9, 13)), (70, 81), backend=backend)
    assert done.mask.dtype == (np.uint8 if classes <= 256 else np.uint16)
    assert done.counts.dtype == np.int64
    assert np.array_equal(done.counts, np.bincount(done.mask.ravel(), minlength=classes))


SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 60), st.integers(1, 60))


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60, deadline=None)
@given(sides=SIDES, share=st.tuples(*[st.floats(0, 1)] * 4), margin=st.booleans())
def test_a_window_is_that_crop_of_the_whole(backend, sides, share, margin):
    rows, columns, height, width = sides
    logits = field(5, (rows, columns), seed=rows * columns)
    top, left = int(share[0] * (height - 1)), int(share[1] * (width - 1))
    tall = 1 + int(share[2] * (height - 1 - top))
    wide = 1 + int(share[3] * (width - 1 - left))
    whole = painting(logits, (height, width), margin=margin, backend=backend)
    part = painting(
        logits, (height, width), window=(top, left, tall, wide), margin=margin, backend=backend
    )
    crop = np.s_[top : top + tall, left : left + wide]
    assert np.array_equal(part.mask, whole.mask[crop])
    assert np.array_equal(part.counts, np.bincount(part.mask.ravel(), minlength=5))
    assert not margin or np.array_equal(part.margin, whole.margin[crop])


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(7)))
def test_permuting_the_classes_permutes_the_labels(order):
    logits, size = field(7, (6, 8)), (50, 70)
    second, best = np.partition(blended(logits, size), -2, axis=0)[-2:]
    before, after = paint(logits, size), paint(logits[order], size)
    assert np.array_equal(np.array(order)[after][best > second], before[best > second])


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("size", [(96, 128), (95, 131), (5, 6)])
def test_flips_commute_but_for_near_ties(axis, size):
    logits = field(6, (12, 16))
    second, best = np.partition(blended(logits, size), -2, axis=0)[-2:]
    flipped = np.flip(paint(np.flip(logits, axis), size), axis - 1)
    clear = best - second > 1e-5
    assert clear.mean() > 0.99
    assert np.array_equal(flipped[clear], paint(logits, size)[clear])


@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_is_the_same_numbers_in_single(backend):
    logits = field(4, (8, 8)).astype(np.float16)
    half, single = (
        paint(given, (40, 30), backend=backend) for given in (logits, logits.astype(np.float32))
    )
    assert np.array_equal(half, single)


@pytest.mark.parametrize("margin", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_its_maps_one_by_one(backend, margin):
    logits = np.stack([field(4, (8, 8), seed) for seed in range(3)])
    batch = painting(logits, (9, 9), window=(1, 2, 7, 5), margin=margin, backend=backend)
    for item, single in enumerate(logits):
        alone = painting(single, (9, 9), window=(1, 2, 7, 5), margin=margin, backend=backend)
        assert np.array_equal(batch.mask[item], alone.mask)
        assert np.array_equal(batch.counts[item], alone.counts)
        assert not margin or np.array_equal(batch.margin[item], alone.margin)
    assert margin or batch.margin is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_how_the_logits_lie_in_memory_does_not_matter(backend):
    logits = field(4, (8, 9))
    whole = paint(logits, (40, 30), backend=backend)
    frozen = logits.copy()
    frozen.flags.writeable = False
    last = np.ascontiguousarray(logits.transpose(1, 2, 0)).transpose(2, 0, 1)
    odd = np.zeros(logits.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(logits.shape)
    odd[...] = logits
    for same in (frozen, last, odd, np.repeat(logits, 2, axis=2)[:, :, ::2]):
        assert np.array_equal(paint(same, (40, 30), backend=backend), whole)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_logit_that_is_not_a_number_never_wins(backend):
    logits = np.zeros((3, 2, 2), np.float32)
    logits[0] = np.nan
    logits[2] = -np.inf
    assert (paint(logits, (8, 8), backend=backend) == 1).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_not_a_number_ties_with_the_lowest_and_infinity_with_the_largest(backend):
    low, high = np.finfo(np.float32).min, np.finfo(np.float32).max
    logits = np.array([np.nan, -np.inf, low, high, np.inf], np.float32)[:, None, None]
    assert paint(logits[:3], (3, 3), backend=backend).max() == 0
    assert paint(logits, (3, 3), backend=backend).min() == 3
    assert paint(logits, (3, 3), backend=backend).max() == 3


def test_almost_nothing_is_needed_besides_the_mask():
    logits = field(19, (64, 128))
    paint(logits, (1024, 2048))
    tracemalloc.start()
    mask = paint(logits, (1024, 2048))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - mask.nbytes < 1 << 20


def test_it_agrees_with_torch_but_for_one_pixel_in_a_million_at_near_ties():
    torch = pytest.importorskip("torch")
    logits, size = field(19, (64, 128)), (1024, 2048)
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], size=size, mode="bilinear"
    )[0]
    ours, theirs, full = paint(logits, size), full.argmax(0).numpy(), full.numpy()
    assert len(np.unique(ours)) > 8
    y, x = np.nonzero(ours != theirs)
    assert len(y) <= 1e-6 * ours.size
    lead = full[theirs[y, x], y, x] - full[ours[y, x], y, x]
    assert (lead <= 1e-5 * np.abs(logits).max()).all()


ZEROS = np.zeros((2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("logits", "size", "says"),
    [
        (ZEROS.astype(np.int32), (4, 4), "float32 or float16"),
        (ZEROS.tolist(), (4, 4), "float32 or float16"),
        (ZEROS[0], (4, 4), r"\[C,h,w\]"),
        (ZEROS[:0], (4, 4), "not empty"),
        (np.zeros((65536, 1, 1), np.float16), (4, 4), "at most 65535 classes"),
        (ZEROS, (0, 4), "size must be"),
        (ZEROS, (4,), "size must be"),
        (ZEROS, (4.5, 4), "size must be"),
        (ZEROS, 4, "size must be"),
        (ZEROS, "44", "size must be"),
    ],
)
def test_bad_arguments_are_named(logits, size, says):
    with pytest.raises(UserError, match=says):
        paint(logits, size)


@pytest.mark.parametrize(
    "window", [(0, 0, 5, 4), (0, -1, 2, 2), (3, 3, 2, 1), (0, 0, 0, 4), (0, 0, 4), (0, 0, 1.5, 1)]
)
def test_a_window_that_is_not_inside_is_refused(window):
    with pytest.raises(UserError, match=r"window must be .* inside 4 x 4, not"):
        paint(ZEROS, (4, 4), window=window)
