"""Losses at full size: hard labels against bilinearly enlarged logits, in little memory.

The geometry is that of `kernels.paint`: half-pixel bilinear. Enlarged logits exist for a band of
rows at a time and are computed again on the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from kernels.taps import taps
from trainer import loss

# Logits that exist at full size at one moment: 64 MB of float32; a loss takes 3 to 6 times as much.
MOST_AT_ONCE = 1 << 24


def full_size_cross_entropy(
    logits: Tensor,
    labels: Sequence[Tensor],
    normaliser: Tensor,
    *,
    weights: Tensor | None = None,
    ignore: int = 255,
) -> Tensor:
    """The cross-entropy of logits [N,C,h,w] enlarged to each [H,W] of `labels`."""

    def summed(large: Tensor, truth: Tensor) -> Tensor:
        return F.cross_entropy(
            large[None], truth[None].long(), weight=weights, ignore_index=ignore, reduction="sum"
        )

    return _over_bands(summed, logits, labels) / loss.positive(normaliser)


def full_size_jaccard_distance(
    logits: Tensor, labels: Sequence[Tensor], *, weights: Tensor | None = None
) -> Tensor:
    """The Jaccard distance of logits [N,C,h,w] enlarged to each [H,W] of `labels`."""
    classes = torch.arange(logits.shape[1], device=logits.device)[:, None, None]

    def sums(large: Tensor, truth: Tensor) -> Tensor:
        # Void is none of the classes.
        shares = (truth == classes).float()
        return loss.jaccard_sums(large[None], loss.weighed(shares[None], weights))

    return loss.jaccard_distance_of(_over_bands(sums, logits, labels))


def enlarged(small: Tensor, size: tuple[int, int], first: int, count: int) -> Tensor:
    """`count` rows from `first` on of logits [C,h,w] enlarged to `size`."""
    found = taps(size[0], small.shape[1], first, count)
    near, far, blend = (
        torch.from_numpy(a).to(small.device) for a in (found.near, found.far, found.weight)
    )
    rows = torch.lerp(small[:, near], small[:, far], blend[:, None].to(small.dtype))
    whole = F.interpolate(rows[None], size=(count, size[1]), mode="bilinear", align_corners=False)
    return whole[0]


def _over_bands(
    measure: Callable[[Tensor, Tensor], Tensor], logits: Tensor, labels: Sequence[Tensor]
) -> Tensor:
    """The sum of what `measure` finds of enlarged logits and labels, a band of rows at a time."""

    def of_band(small: Tensor, truth: Tensor, first: int, count: int) -> Tensor:
        band = enlarged(small, (truth.shape[0], truth.shape[1]), first, count)
        return measure(band, truth[first : first + count])

    total = logits.new_zeros(())
    for small, truth in zip(logits, labels, strict=True):
        rows = max(1, MOST_AT_ONCE // (small.shape[0] * truth.shape[1]))
        for first in range(0, truth.shape[0], rows):
            count = min(rows, truth.shape[0] - first)
            total = total + checkpoint(of_band, small, truth, first, count, use_reentrant=False)
    return total
