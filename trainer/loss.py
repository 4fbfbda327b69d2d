"""The one loss: cross-entropy against un-normalised class shares."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_cross_entropy(logits: Tensor, shares: Tensor, normaliser: Tensor | None = None) -> Tensor:
    """- sum(shares * log softmax(logits)) / normaliser, in float32.

    Void is missing mass: it pulls nowhere and counts for nothing, because the default normaliser
    is the labelled mass sum(shares).
    """
    mass = shares.sum() if normaliser is None else normaliser
    total = (shares * F.log_softmax(logits.float(), dim=1)).sum()
    # A batch of void alone has no mass: its loss is 0, not 0/0.
    return -total / mass.clamp_min(torch.finfo(torch.float32).tiny)
