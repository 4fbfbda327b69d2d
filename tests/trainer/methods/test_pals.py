"""PALS smooths labels by its predictions, as its formula says, and learns nothing through them."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from kernels.errors import UserError
from trainer import grids


def slow(shares, logits, levels, alpha, temperature, softmax):
    """Targets of one picture on the half grid of the second level, in float64."""

    def halved(plane):
        return (
            plane[:, ::2, ::2] + plane[:, 1::2, ::2] + plane[:, ::2, 1::2] + plane[:, 1::2, 1::2]
        ) / 4

    def unit(vectors):
        return vectors / np.maximum(np.linalg.norm(vectors, axis=0), 1e-12)

    features = unit(np.concatenate([unit(halved(levels[0])), unit(levels[1])]))
    likely, mass = halved(softmax(logits, 0)), halved(shares.sum(0, keepdims=True))[0]
    height, width = mass.shape
    places = [(row, column) for row in range(height) for column in range(width)]
    gathered = np.zeros(likely.shape)
    for i in places:
        heed = np.array(
            [mass[j] * np.exp(features[:, *i] @ features[:, *j] / temperature) for j in places]
        )
        heed /= heed.sum()
        gathered[:, *i] = sum(h * likely[:, *j] for h, j in zip(heed, places, strict=True))
    large = torch.nn.functional.interpolate(
        torch.from_numpy(gathered)[None], scale_factor=2, mode="bilinear"
    )[0].numpy()
    return (1 - alpha) * shares + alpha * shares.sum(0) * large


def test_targets_are_those_of_the_formula(learner, softmax):
    made = learner("pals:alpha=0.4,temperature=0.2")
    made.objective.follow(10)
    rng = np.random.default_rng(0)
    shares = rng.dirichlet((1, 1, 1, 1), (1, 8, 12)).transpose(0, 3, 1, 2)[:, :3].astype(np.float32)
    shares[:, :, :3] = 0
    logits = rng.normal(0, 2, (1, 3, 8, 12)).astype(np.float32)
    levels = [rng.random((1, 6, 8, 12), np.float32), rng.random((1, 8, 4, 6), np.float32)]
    found = made.objective.smoothed(
        torch.from_numpy(shares), torch.from_numpy(logits), list(map(torch.from_numpy, levels))
    )
    expected = slow(shares[0], logits[0], [level[0] for level in levels], 0.4, 0.2, softmax)
    assert found[0].numpy() == pytest.approx(expected, abs=1e-5)
    assert found.sum(1).numpy() == pytest.approx(shares.sum(1), abs=1e-6)


def test_smoothing_climbs_with_the_steps_and_starts_at_nothing(learner, batches):
    made = learner("pals:alpha=0.4,ramp=0.5", steps=8)
    seen = [made.objective.alpha]
    for batch in batches(made):
        made.step(batch)
        seen.append(made.objective.alpha)
    assert seen == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert learner("pals:ramp=0,alpha=0.3").objective.alpha == 0.3


def test_before_the_ramp_it_is_soft_labels(learner, batches):
    made, soft = learner("pals"), learner("soft")
    batch = next(batches(made))
    losses = [
        float(one.objective(batch, one.objective.mass(batch)).detach()) for one in (made, soft)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_nothing_is_learned_through_the_targets(learner, batches):
    made = learner("pals")
    made.objective.follow(6)
    batch = next(batches(made))
    made.objective(batch, made.objective.mass(batch)).backward()
    found = [weight.grad.clone() for weight in made.network.parameters()]
    with torch.no_grad():
        levels = made.network.encode(batch.pictures)
        shares = made.objective.smoothed(batch.shares, made.network(batch.pictures), levels)
    made.network.zero_grad()
    logs = made.network(batch.pictures).log_softmax(1)
    (-(shares * logs).sum() / batch.shares.sum()).backward()
    expected = [weight.grad for weight in made.network.parameters()]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True))
    assert not shares.equal(batch.shares)


def test_full_size_labels_are_refused(learner):
    with pytest.raises(UserError, match="works on shares"):
        learner("pals", labels="full")


def test_a_level_that_the_model_has_not_is_its_coarsest(learner):
    assert learner("pals:level=7").objective.level == 1


@pytest.mark.parametrize("size", [(33, 40), (20, 48)])
def test_padding_is_cut_off_again(learner, size):
    made = learner("pals", factor=Fraction(1, 4))
    made.objective.follow(6)
    pictures = torch.zeros(2, *size, 3, dtype=torch.uint8)
    shares = torch.full((2, 3, *size), 1 / 3)
    levels = made.network.encode(pictures)
    smoothed = made.objective.smoothed(shares, made.network(pictures).detach(), levels)
    assert smoothed.shape == shares.shape
    assert torch.allclose(smoothed.sum(1), torch.ones(2, *size), atol=1e-5)


def test_every_level_counts_as_much_in_a_hyper_column():
    levels = [torch.rand(1, 6, 8, 8), 100 * torch.rand(1, 9, 4, 4)]
    column = grids.hyper_column(levels, (4, 4))
    assert column.shape == (1, 15, 4, 4)
    assert torch.allclose(column[:, :6].norm(dim=1), column[:, 6:].norm(dim=1))
    assert torch.allclose(column.norm(dim=1), torch.ones(1, 4, 4))
