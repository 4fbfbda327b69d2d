"""The losses against un-normalised class shares; void is missing mass and pulls nowhere.

Cross-entropy, its distance from the best that can be had (KL), and the Jaccard distance.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_cross_entropy(logits: Tensor, shares: Tensor, normaliser: Tensor | None = None) -> Tensor:
    """- sum(shares * log softmax(logits)) / normaliser, in float32.

    Void counts for nothing, because the default normaliser is the labelled mass sum(shares).
    """
    mass = shares.sum() if normaliser is None else normaliser
    return by_cell(logits, shares).sum() / positive(mass)


def by_cell(logits: Tensor, shares: Tensor, *, divergence: bool = False) -> Tensor:
    """[N,h,w]: cross-entropy of each cell, or as `divergence` less the entropy of its shares.

    The gradients of the two are equal: KL(T || p) = CE(T, p) - H(T). KL is 0 where nothing is left
    to learn: of shares of mass m, the best p is T / m, and its cross-entropy is H(T) + m log m.
    """
    total = -(shares * F.log_softmax(logits.float(), dim=1)).sum(1)
    if not divergence:
        return total
    mass = shares.sum(1)
    least: Tensor = torch.special.entr(shares).sum(1) + torch.special.xlogy(mass, mass)
    return total - least


def positive(mass: Tensor) -> Tensor:
    """A mass to divide by: of void alone the loss is 0, not 0/0."""
    return mass.clamp_min(torch.finfo(torch.float32).tiny)


def weighed(shares: Tensor, weights: Tensor | None) -> Tensor:
    """Shares with each class as heavy as its weight."""
    return shares if weights is None else shares * weights[:, None, None]


def labelled(labels: Sequence[Tensor], weights: Tensor | None, ignore: int) -> Tensor:
    """The labelled mass of label maps, in pixels, each as heavy as its class."""
    # Widened first: void may lie beyond what a byte holds, and torch would wrap it into one.
    known = [one[one.long() != ignore].long() for one in labels]
    mass = [
        weights[one].sum() if weights is not None else one.new_tensor(len(one)) for one in known
    ]
    return torch.stack(mass).sum().float()


def hardest(losses: Tensor, mass: Tensor, share: float) -> Tensor:
    """The sum of the losses of the hardest cells, which hold `share` of the labelled mass.

    Online hard example mining (Shrivastava et al., CVPR 2016) with cells for examples: hard is what
    has a high loss for its mass.
    """
    with torch.no_grad():
        hardness = (losses / positive(mass)).flatten().masked_fill(mass.flatten() == 0, -torch.inf)
        order = hardness.argsort(descending=True)
        taken = mass.flatten()[order].cumsum(0) <= share * mass.sum()
        # The hardest cell is always among them.
        taken[:1] = True
    return losses.flatten()[order[taken]].sum()


def jaccard_distance(logits: Tensor, shares: Tensor) -> Tensor:
    """1 - Jaccard index of predicted and true shares, the mean over the classes that are there."""
    return jaccard_distance_of(jaccard_sums(logits, shares))


def jaccard_sums(logits: Tensor, shares: Tensor) -> Tensor:
    """[3,C]: |p| + |t|, |p - t| and |t| of each class, in 1-norms; those of parts add up.

    A cell's prediction p counts by its labelled mass, so that void neither helps nor hurts.
    """
    predicted = logits.float().softmax(1) * shares.sum(1, keepdim=True)
    over = (0, 2, 3)
    true = shares.sum(over)
    return torch.stack([predicted.sum(over) + true, (predicted - shares).abs().sum(over), true])


def jaccard_distance_of(sums: Tensor) -> Tensor:
    """The distance that `jaccard_sums` come to.

    For soft targets |p ^ t| is (|p| + |t| - |p-t|) / 2 and |p v t| is (|p| + |t| + |p-t|) / 2
    (Wang, Ning and Blaschko, Jaccard Metric Losses, NeurIPS 2023).
    """
    both, apart, true = sums.unbind()
    distance = 1 - (both - apart) / positive(both + apart)
    there = (true > 0).float()
    return (distance * there).sum() / positive(there.sum())
