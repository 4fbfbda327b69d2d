"""Full-size cross-entropy in bands is the one that enlarges everything at once."""

import pytest
import torch
from torch.nn import functional as F

from trainer import full_size, loss


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.5, 2.0])])
@pytest.mark.parametrize("most", [1, 500, 1 << 24])
def test_value_and_gradient_are_those_of_enlarging_at_once(monkeypatch, most, weights):
    monkeypatch.setattr(full_size, "MOST_AT_ONCE", most)
    torch.manual_seed(0)
    sizes = [(13, 22), (12, 20), (7, 11), (5, 9)]
    labels = [torch.randint(0, 3, size, dtype=torch.uint8) for size in sizes]
    labels[0][:4] = 255
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


def test_it_is_nearest_labels_where_nothing_is_reduced():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 6, 8), torch.randint(0, 3, (2, 6, 8))
    banded = full_size.full_size_cross_entropy(logits, list(labels), torch.tensor(96.0))
    assert banded.item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)


def test_void_alone_is_zero():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = [torch.full((9, 9), 255, dtype=torch.uint8)]
    mass = loss.labelled(labels, None, 255)
    value = full_size.full_size_cross_entropy(logits, labels, mass)
    value.backward()
    assert value.detach().item() == 0
    assert not logits.grad.any()
