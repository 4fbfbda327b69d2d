"""The losses: void pulls nowhere, and hard labels make them what they are called."""

import pytest
import torch
from torch.nn import functional as F

from trainer.loss import by_cell, hardest, jaccard_distance, soft_cross_entropy, weighed


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


def test_kl_is_cross_entropy_less_the_entropy_of_the_shares():
    torch.manual_seed(0)
    logits, shares = torch.randn(2, 4, 3, 5), torch.rand(2, 4, 3, 5).softmax(1)
    divergence = by_cell(logits, shares, divergence=True)
    expected = F.kl_div(F.log_softmax(logits, 1), shares, reduction="none").sum(1)
    assert torch.allclose(divergence, expected, atol=1e-6)
    assert by_cell(shares.log(), shares, divergence=True).abs().max() < 1e-6


def test_jaccard_distance_of_hard_masks_is_one_less_the_iou():
    truth = hard_shares(torch.tensor([[[0, 0, 1, 255], [0, 1, 1, 255]]]), 3)
    guess = hard_shares(torch.tensor([[[0, 1, 1, 2], [0, 1, 0, 1]]]), 3)
    distance = jaccard_distance(1000 * guess, truth)
    assert distance.item() == pytest.approx(1 - (2 / 4 + 2 / 4) / 2)


def test_jaccard_distance_is_nothing_for_the_shares_themselves():
    shares = torch.rand(2, 4, 3, 5).softmax(1)
    assert jaccard_distance(shares.log(), shares).item() == pytest.approx(0, abs=1e-6)
    worse = jaccard_distance(shares.log() + torch.randn(2, 4, 3, 5), shares)
    assert 0 < worse.item() < 1


def test_jaccard_distance_has_no_gradient_in_void():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    shares = torch.zeros(1, 3, 2, 2)
    shares[0, 1, 0] = 1
    jaccard_distance(logits, shares).backward()
    assert logits.grad[0, :, 0].abs().sum() > 0
    assert logits.grad[0, :, 1].abs().sum() == 0


def test_the_hardest_cells_are_learned_from():
    losses = torch.tensor([[[5.0, 1.0, 4.0, 0.0, 9.0]]])
    # The last one is the largest for its mass, the void one counts for nothing.
    mass = torch.tensor([[[1.0, 1.0, 1.0, 0.0, 1.0]]])
    assert hardest(losses, mass, 0.5).item() == 9 + 5
    assert hardest(losses, mass, 1.0).item() == 19
    assert hardest(losses, mass, 0.01).item() == 9


@pytest.mark.parametrize("weights", [None, torch.tensor([0.1, 10.0, 1.0])])
def test_kl_is_zero_at_the_best_whatever_is_void_and_whatever_weighs(weights):
    shares = torch.tensor([0.3, 0.2, 0.0]).view(1, 3, 1, 1)
    weighed_shares = weighed(shares, weights)
    best = (weighed_shares / weighed_shares.sum()).log().clamp_min(-1e4)
    assert by_cell(best, weighed_shares, divergence=True).item() == pytest.approx(0, abs=1e-6)
    assert by_cell(torch.zeros(1, 3, 1, 1), weighed_shares, divergence=True).item() > 0.01
