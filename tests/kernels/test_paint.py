"""`paint` is bilinear up-sampling and argmax, tie by tie."""

import numpy as np
import pytest

from kernels import paint
from kernels.cases import PAINT
from kernels.errors import UserError
from kernels.factor import read

SHAPES = [
    # classes, logits, mask
    (19, (64, 128), (300, 517)),
    (5, (1, 7), (33, 5)),
    (12, (20, 20), (7, 9)),
    (1, (3, 3), (9, 9)),
    (256, (5, 4), (21, 19)),
    (300, (9, 9), (50, 77)),
    (3, (1, 1), (4, 4)),
]


@pytest.mark.parametrize("line", PAINT, ids=str)
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_hand_worked_lines_come_out_along_both_axes(line, backend):
    lead = np.array(line.before, np.float32)
    logits = np.stack([lead, np.zeros_like(lead)])
    pixels = round(len(lead) / read(line.factor))
    across = paint(logits[:, None, :], (1, pixels), backend=backend)
    down = paint(logits[:, :, None], (pixels, 1), backend=backend)
    assert across.ravel().tolist() == down.ravel().tolist() == list(line.after)


@pytest.mark.parametrize(("classes", "cells", "size"), SHAPES)
@pytest.mark.parametrize("kind", ["smooth", "ties", "near ties", "huge"])
def test_the_cpu_equals_the_reference_ties_included(classes, cells, size, kind):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(classes, *cells)).astype(np.float32)
    if kind == "ties":
        logits = np.round(logits)
    if kind == "near ties":
        logits = 1000 + np.round(logits) + (rng.integers(-1, 2, logits.shape) * 6e-5)
    if kind == "huge":
        logits *= 1e37
    logits = logits.astype(np.float32)
    mask = paint(logits, size)
    assert mask.shape == size
    assert mask.dtype == (np.uint8 if classes <= 256 else np.uint16)
    assert np.array_equal(mask, paint(logits, size, backend="reference"))


def test_half_precision_is_the_same_numbers_in_single():
    logits = np.random.default_rng(2).normal(size=(4, 8, 8)).astype(np.float16)
    assert np.array_equal(paint(logits, (40, 30)), paint(logits.astype(np.float32), (40, 30)))


def test_a_batch_is_its_maps_one_by_one():
    logits = np.random.default_rng(3).normal(size=(3, 4, 8, 8)).astype(np.float32)
    assert np.array_equal(paint(logits, (9, 9)), np.stack([paint(one, (9, 9)) for one in logits]))


def test_a_logit_that_is_not_a_number_never_wins():
    logits = np.zeros((3, 2, 2), np.float32)
    logits[0] = np.nan
    logits[2] = -np.inf
    assert (paint(logits, (8, 8)) == 1).all()


def test_it_agrees_with_torch_where_no_two_classes_are_close():
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(4).normal(size=(7, 16, 24)).astype(np.float32)
    size = (133, 217)
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], size=size, mode="bilinear"
    )[0]
    best = full.topk(2, dim=0).values
    clear = (best[0] - best[1] > 1e-4).numpy()
    assert clear.mean() > 0.99
    assert np.array_equal(paint(logits, size)[clear], full.argmax(0).numpy()[clear])


@pytest.mark.parametrize(
    ("logits", "size", "says"),
    [
        (np.zeros((2, 3, 3), np.int32), (4, 4), "float32 or float16"),
        (np.zeros((3, 3), np.float32), (4, 4), r"\[C,h,w\]"),
        (np.zeros((0, 3, 3), np.float32), (4, 4), "not empty"),
        (np.zeros((2, 3, 3), np.float32), (0, 4), "size must be"),
    ],
)
def test_bad_arguments_are_named(logits, size, says):
    with pytest.raises(UserError, match=says):
        paint(logits, size)
