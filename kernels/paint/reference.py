"""What `paint` means: float32 arithmetic, rows blended first, then columns, then argmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.paint import Mask, Painting, Window, mask_dtype
from kernels.taps import taps

LARGEST = float(np.finfo(np.float32).max)


def paint(logits: NDArray[np.floating[Any]], size: tuple[int, int]) -> Mask:
    """The whole mask alone."""
    return painting(logits, size, (0, 0, *size), False).mask


def painting(
    logits: NDArray[np.floating[Any]], size: tuple[int, int], window: Window, margin: bool
) -> Painting:
    """The class with the highest bilinearly up-sampled logit, and by how much it leads."""
    classes, (top, left, height, width) = len(logits), window
    full = blended(logits, size)[:, top : top + height, left : left + width]
    mask: Mask = full.argmax(axis=0).astype(mask_dtype(classes))
    counts = np.bincount(mask.ravel(), minlength=classes).astype(np.int64)
    return Painting(mask=mask, counts=counts, margin=_margin(full) if margin else None)


def blended(logits: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.float32]:
    """Logits [C,h,w] up-sampled to [C,H,W]: what no other backend ever holds."""
    single = logits.astype(np.float32)
    finite = np.nan_to_num(single, nan=-LARGEST, posinf=LARGEST, neginf=-LARGEST)
    down, across = taps(size[0], logits.shape[1]), taps(size[1], logits.shape[2])
    below = down.weight[:, None]
    rows = (1 - below) * finite[:, down.near] + below * finite[:, down.far]
    return np.asarray(
        (1 - across.weight) * rows[..., across.near] + across.weight * rows[..., across.far]
    )


def _margin(full: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The lead in sixteenths, cut to whole ones and to a byte; 255 where nothing competes."""
    if len(full) == 1:
        return np.full(full.shape[1:], 255, np.uint8)
    second, best = np.partition(full, -2, axis=0)[-2:]
    # The lead of +max over -max is no float32: infinite, so 255.
    with np.errstate(over="ignore"):
        return np.asarray(np.minimum((best - second) * 16, 255).astype(np.uint8))
