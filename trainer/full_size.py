"""Cross-entropy at full size: hard labels against bilinearly enlarged logits, in little memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from kernels.taps import taps
from trainer.loss import positive

# Logits that exist at full size at one moment: 64 MB of float32.
MOST_AT_ONCE = 1 << 24


def full_size_cross_entropy(
    logits: Tensor,
    labels: Sequence[Tensor],
    normaliser: Tensor,
    *,
    weights: Tensor | None = None,
    ignore: int = 255,
) -> Tensor:
    """The loss of logits [N,C,h,w] enlarged to each [H,W] of `labels`, over the normaliser.

    The geometry is that of `kernels.paint`: half-pixel bilinear. Enlarged logits exist for a band
    of rows at a time and are computed again on the way back.
    """
    total = logits.new_zeros(())
    for small, truth in zip(logits, labels, strict=True):
        rows = max(1, MOST_AT_ONCE // (small.shape[0] * truth.shape[1]))
        for first in range(0, truth.shape[0], rows):
            band = truth[first : first + rows]
            total = total + checkpoint(
                _band, small, first, truth.shape[0], band, weights, ignore, use_reentrant=False
            )
    return total / positive(normaliser)


def enlarged(small: Tensor, size: tuple[int, int], first: int, count: int) -> Tensor:
    """`count` rows from `first` on of logits [C,h,w] enlarged to `size`."""
    found = taps(size[0], small.shape[1], first, count)
    near, far, blend = (
        torch.from_numpy(a).to(small.device) for a in (found.near, found.far, found.weight)
    )
    rows = torch.lerp(small[:, near], small[:, far], blend[:, None].to(small.dtype))
    whole = F.interpolate(rows[None], size=(count, size[1]), mode="bilinear", align_corners=False)
    return whole[0]


def _band(
    small: Tensor,
    first: int,
    height: int,
    labels: Tensor,
    weights: Tensor | None,
    ignore: int,
) -> Tensor:
    """The summed loss of a band of rows."""
    logits = enlarged(small, (height, labels.shape[1]), first, len(labels))
    return F.cross_entropy(
        logits[None], labels[None].long(), weight=weights, ignore_index=ignore, reduction="sum"
    )
