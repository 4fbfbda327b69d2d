"""A teacher's labels are painted at full size, and reduced as true labels are."""

import numpy as np
import pytest
import torch

from trainer import pseudo
from trainer.batch import Unlabelled
from trainer.views import Frame

CLASSES = 3


def enlarging(pixels, cells):
    """[pixels,cells]: half-pixel bilinear weights, pixel by pixel."""
    weights = np.zeros((pixels, cells))
    for pixel in range(pixels):
        place = (pixel + 0.5) * cells / pixels - 0.5
        near = int(np.floor(place))
        for cell, weight in ((near, 1 - (place - near)), (near + 1, place - near)):
            weights[pixel, min(max(cell, 0), cells - 1)] += weight
    return weights


def covering(pixels, cells):
    """[cells,pixels]: the share of a cell that each pixel covers."""
    side = pixels / cells
    shares = np.zeros((cells, pixels))
    for cell in range(cells):
        for pixel in range(pixels):
            overlap = min(pixel + 1, (cell + 1) * side) - max(pixel, cell * side)
            shares[cell, pixel] = max(overlap, 0) / side
    return shares


def slow(logits, frame, confidence):
    """Shares [C,h,w] of one crop, in float64."""
    down, across = enlarging(frame.height, logits.shape[1]), enlarging(frame.width, logits.shape[2])
    large = np.einsum("yi,cij,xj->cyx", down, logits.astype(np.float64), across)
    likely = np.exp(large - large.max(0))
    likely = likely.max(0) / likely.sum(0)
    inside = np.zeros(likely.shape, bool)
    inside[frame.rows[0] : frame.rows[1], frame.columns[0] : frame.columns[1]] = True
    kept = (likely >= confidence) & inside
    hard = (np.arange(CLASSES)[:, None, None] == large.argmax(0)) & kept
    rows, columns = (covering(n, m) for n, m in zip(likely.shape, logits.shape[1:], strict=True))
    return np.einsum("iy,cyx,jx->cij", rows, hard.astype(float), columns), kept


def crops(*frames, size):
    shape = (len(frames), *size)
    return Unlabelled(
        weak=torch.zeros((*shape, 3), dtype=torch.uint8),
        strong=(),
        valid=torch.ones(shape),
        frames=frames,
        seeds=tuple(range(len(frames))),
    )


FRAMES = (
    Frame(height=16, width=24, rows=(0, 16), columns=(0, 24)),
    Frame(height=19, width=29, rows=(3, 17), columns=(0, 20)),
)


@pytest.mark.parametrize("confidence", [0.0, 0.6, 0.95])
def test_shares_are_those_of_the_sure_pixels_inside(confidence):
    size = (8, 12)
    logits = np.random.default_rng(0).normal(0, 3, (2, CLASSES, *size)).astype(np.float32)
    made = pseudo.shares(
        torch.from_numpy(logits), crops(*FRAMES, size=size), mode="area", confidence=confidence
    )
    for one, single, frame in zip(made, logits, FRAMES, strict=True):
        expected, kept = slow(single, frame, confidence)
        assert one.numpy() == pytest.approx(expected, abs=1e-6)
        assert float(one.sum()) * frame.height * frame.width / 96 == pytest.approx(kept.sum())


def test_a_teacher_that_is_never_sure_leaves_void_alone():
    logits = torch.zeros(1, CLASSES, 8, 12)
    assert not pseudo.shares(
        logits, crops(FRAMES[0], size=(8, 12)), mode="area", confidence=0.5
    ).any()


def test_other_label_modes_reduce_pseudo_labels_as_well():
    logits = torch.randn(1, CLASSES, 8, 12, generator=torch.Generator().manual_seed(0))
    seen = crops(FRAMES[0], size=(8, 12))
    area, majority, full = (
        pseudo.shares(logits, seen, mode=mode) for mode in ("area", "majority", "full")
    )
    assert area.equal(full)
    assert set(majority.unique().tolist()) == {0.0, 1.0}


def test_certainty_does_not_depend_on_the_bands_it_is_computed_in(monkeypatch):
    logits = torch.randn(CLASSES, 8, 12, generator=torch.Generator().manual_seed(1)) * 3
    whole = pseudo.sure(logits, (37, 50), 0.8)
    monkeypatch.setattr(pseudo, "MOST_AT_ONCE", 1000)
    assert whole.equal(pseudo.sure(logits, (37, 50), 0.8))
    assert 0 < whole.float().mean() < 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants an NVIDIA GPU")
@pytest.mark.parametrize("mode", ["area", "majority"])
def test_a_gpu_comes_to_the_same_shares(mode):
    logits = torch.randn(2, CLASSES, 8, 12, generator=torch.Generator().manual_seed(2)) * 3
    seen = crops(*FRAMES, size=(8, 12))
    here = pseudo.shares(logits, seen, mode=mode, confidence=0.7)
    there = pseudo.shares(logits.cuda(), seen, mode=mode, confidence=0.7)
    assert there.is_cuda
    assert torch.allclose(there.cpu(), here, atol=1e-6)
