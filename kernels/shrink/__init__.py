"""Reduce a colour picture: each small pixel is the mean of the pixels its cell covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import backends
from kernels.errors import UserError
from kernels.factor import FactorLike, read

__all__ = ["shrink"]


def shrink(
    picture: NDArray[np.uint8], factor: FactorLike, *, backend: str = "auto"
) -> NDArray[np.uint8]:
    """uint8 [H,W,3] -> uint8 [h,w,3], rounded half to even; a leading batch axis is kept."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise UserError("picture must be a uint8 array", hint="pass a numpy array of 0..255")
    if picture.ndim not in (3, 4) or 0 in picture.shape or picture.shape[-1] != 3:
        raise UserError(f"picture must be [H,W,3] or [N,H,W,3] and not empty, not {picture.shape}")
    exact = read(factor)
    if exact == 1:
        return picture.copy()
    one = backends.load(__name__, backend).shrink
    if picture.ndim == 4:
        return np.stack([one(single, exact) for single in picture])
    return np.asarray(one(picture, exact))
