"""The one loss: void pulls nowhere, and hard labels make it plain cross-entropy."""

import pytest
import torch
from torch.nn import functional as F

from trainer.loss import soft_cross_entropy


def hard_shares(labels, classes):
    known = labels != 255
    one_hot = F.one_hot(labels.where(known, torch.zeros_like(labels)), classes).permute(0, 3, 1, 2)
    return one_hot.float() * known[:, None]


def test_hard_labels_make_it_cross_entropy_without_void():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 4, 5, 7), torch.randint(0, 4, (2, 5, 7))
    labels[0, :3] = 255
    expected = F.cross_entropy(logits, labels, ignore_index=255)
    assert soft_cross_entropy(logits, hard_shares(labels, 4)).item() == pytest.approx(
        expected.item(), rel=1e-6
    )


def test_a_half_labelled_cell_counts_half():
    logits = torch.tensor([[[[0.0, 2.0]], [[1.0, 0.0]]]])
    shares = torch.tensor([[[[0.5, 0.0]], [[0.0, 1.0]]]])
    log_p = F.log_softmax(logits, dim=1)
    expected = -(0.5 * log_p[0, 0, 0, 0] + log_p[0, 1, 0, 1]) / 1.5
    assert soft_cross_entropy(logits, shares).item() == pytest.approx(expected.item())


def test_void_has_no_gradient():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    shares = torch.zeros(1, 3, 2, 2)
    shares[0, 1, 0, 0] = 1
    soft_cross_entropy(logits, shares).backward()
    assert logits.grad[0, :, 0, 0].abs().sum() > 0
    assert logits.grad[0, :, 1:].abs().sum() == logits.grad[0, :, 0, 1].abs().sum() == 0


def test_void_alone_is_zero_and_not_nan():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = soft_cross_entropy(logits, torch.zeros(1, 3, 2, 2))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_a_normaliser_of_the_callers_is_used():
    logits, shares = torch.randn(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    by_mass = soft_cross_entropy(logits, shares) * shares.sum()
    assert soft_cross_entropy(logits, shares, torch.tensor(16.0)).item() == pytest.approx(
        by_mass.item() / 16, rel=1e-5
    )
