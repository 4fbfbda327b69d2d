"""Full-size losses in bands are those that enlarge everything at once."""

import pytest
import torch
from torch.nn import functional as F

from trainer import full_size, loss


def some_labels():
    """Maps of several sizes, as zoomed views have them, with void in one; torch is seeded."""
    torch.manual_seed(0)
    sizes = [(13, 22), (12, 20), (7, 11), (5, 9)]
    labels = [torch.randint(0, 3, size, dtype=torch.uint8) for size in sizes]
    labels[0][:4] = 255
    return labels


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.5, 2.0])])
@pytest.mark.parametrize("most", [1, 500, 1 << 24])
def test_value_and_gradient_are_those_of_enlarging_at_once(monkeypatch, most, weights):
    monkeypatch.setattr(full_size, "MOST_AT_ONCE", most)
    labels = some_labels()
    logits = torch.randn(4, 3, 5, 9, dtype=torch.float64, requires_grad=True)
    weights = None if weights is None else weights.double()
    mass = loss.labelled(labels, weights, 255).double()
    banded = full_size.full_size_cross_entropy(logits, labels, mass, weights=weights)
    (gradient,) = torch.autograd.grad(banded, logits)
    total, known = 0, 0
    for one, truth in zip(logits, labels, strict=True):
        large = F.interpolate(one[None], size=truth.shape, mode="bilinear", align_corners=False)
        total = total + F.cross_entropy(
            large, truth[None].long(), weight=weights, ignore_index=255, reduction="sum"
        )
        seen = truth[truth != 255].long()
        known += len(seen) if weights is None else weights[seen].sum()
    (expected,) = torch.autograd.grad(total / known, logits)
    # The blend of two rows is in float32, as in `kernels.paint`.
    assert banded.detach().item() == pytest.approx((total / known).detach().item(), rel=1e-6)
    assert torch.allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.5, 2.0])])
@pytest.mark.parametrize("most", [1, 500, 1 << 24])
def test_jaccard_distance_and_gradient_are_those_of_enlarging_at_once(monkeypatch, most, weights):
    monkeypatch.setattr(full_size, "MOST_AT_ONCE", most)
    labels = some_labels()
    logits = torch.randn(4, 3, 5, 9, requires_grad=True)
    banded = full_size.full_size_jaccard_distance(logits, labels, weights=weights)
    (gradient,) = torch.autograd.grad(banded, logits)
    sums = torch.zeros(3, 3)
    for one, truth in zip(logits, labels, strict=True):
        large = F.interpolate(one[None], size=truth.shape, mode="bilinear", align_corners=False)
        known = (truth != 255).long()
        shares = (F.one_hot(truth.long() * known, 3) * known[..., None]).movedim(-1, 0)[None]
        sums = sums + loss.jaccard_sums(large, loss.weighed(shares.float(), weights))
    at_once = loss.jaccard_distance_of(sums)
    (expected,) = torch.autograd.grad(at_once, logits)
    assert banded.detach().item() == pytest.approx(at_once.detach().item(), rel=1e-5)
    assert gradient.abs().max() > 1e-4
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_jaccard_distance_of_masks_that_are_painted_right_is_zero():
    logits = torch.full((1, 2, 2, 2), -50.0)
    logits[:, 0, :, 0] = logits[:, 1, :, 1] = 50
    # The two enlarged logits cross in the middle, between the pixels of an even side.
    labels = [torch.zeros(4, 200, dtype=torch.uint8)]
    labels[0][:, 100:] = 1
    banded = full_size.full_size_jaccard_distance(logits, labels)
    assert banded.item() == pytest.approx(0, abs=0.02)
    assert full_size.full_size_jaccard_distance(-logits, labels).item() > 0.98


def test_it_is_nearest_labels_where_nothing_is_reduced():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 6, 8), torch.randint(0, 3, (2, 6, 8))
    banded = full_size.full_size_cross_entropy(logits, list(labels), torch.tensor(96.0))
    assert banded.item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)


def test_void_alone_is_zero():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = [torch.full((9, 9), 255, dtype=torch.uint8)]
    mass = loss.labelled(labels, None, 255)
    for value in (
        full_size.full_size_cross_entropy(logits, labels, mass),
        full_size.full_size_jaccard_distance(logits, labels),
    ):
        value.backward()
        assert value.detach().item() == 0
        assert not logits.grad.any()


@pytest.mark.parametrize("ignore", [255, 256, 65535])
def test_void_beyond_a_byte_voids_no_class_of_labels_that_are_bytes(ignore):
    labels = [torch.tensor([[0, 1, 255]], dtype=torch.uint8)]
    assert loss.labelled(labels, None, ignore).item() == (2 if ignore == 255 else 3)
