"""What `paint` means: float32 arithmetic, rows blended first, then columns, then argmax."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.paint import Mask, mask_dtype
from kernels.taps import taps


def paint(logits: NDArray[np.float32], size: tuple[int, int]) -> Mask:
    """The class with the highest bilinearly up-sampled logit at every pixel."""
    down, across = taps(size[0], logits.shape[1]), taps(size[1], logits.shape[2])
    below = down.weight[:, None]
    rows = (1 - below) * logits[:, down.near] + below * logits[:, down.far]
    full = (1 - across.weight) * rows[..., across.near] + across.weight * rows[..., across.far]
    winners: Mask = full.argmax(axis=0).astype(mask_dtype(logits.shape[0]))
    return winners
