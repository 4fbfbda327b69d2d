"""Paint the full-size mask from small logits: bilinear up-sampling and argmax in one step.

No array of classes x full size is ever made. Pixel centres lie at half-pixels (align_corners=False
in other libraries), a tie goes to the lowest class, and a logit that is not a number loses to
every number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import backends
from kernels.errors import UserError

__all__ = ["Mask", "mask_dtype", "paint"]

Mask = NDArray[np.unsignedinteger[Any]]


def mask_dtype(classes: int) -> type[np.uint8] | type[np.uint16]:
    """The pixel type of a mask: one byte as long as every class fits."""
    return np.uint8 if classes <= 256 else np.uint16


def paint(
    logits: NDArray[np.floating[Any]], size: tuple[int, int], *, backend: str = "auto"
) -> Mask:
    """float [C,h,w], (H, W) -> uint8 [H,W] (uint16 past 256 classes); a leading batch is kept."""
    if not isinstance(logits, np.ndarray) or logits.dtype not in (np.float32, np.float16):
        raise UserError("logits must be a float32 or float16 array")
    if logits.ndim not in (3, 4) or 0 in logits.shape:
        raise UserError(f"logits must be [C,h,w] or [N,C,h,w] and not empty, not {logits.shape}")
    if len(size) != 2 or min(size) < 1:
        raise UserError(f"size must be (height, width) of at least 1, not {size}")
    one = backends.load(__name__, backend).paint
    finite = _finite(logits.astype(np.float32, copy=False))
    if finite.ndim == 4:
        return np.stack([one(single, size) for single in finite])
    return np.asarray(one(finite, size))


def _finite(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits without NaN (lower than all) and infinities (the largest numbers there are)."""
    if np.isfinite(logits).all():
        return logits
    return np.nan_to_num(logits, nan=float(np.finfo(np.float32).min))
