"""Reduce a colour picture: each small pixel is the mean of the pixels its cell covers."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from kernels import backends
from kernels.errors import UserError
from kernels.factor import FactorLike, read

__all__ = ["shrink"]

Picture = TypeVar("Picture")


def shrink(picture: Picture, factor: FactorLike, *, backend: str = "auto") -> Picture:
    """uint8 [H,W,3] -> uint8 [h,w,3], rounded half to even; a leading batch axis is kept.

    A numpy array gives a numpy array, a torch tensor on a GPU a tensor there.
    """
    if backends.for_gpu(picture, backend):
        there: Picture = backends.load(__name__, backends.GPU).shrink(picture, read(factor))
        return there
    here: Picture = _on_cpu(picture, factor, backend)
    return here


def _on_cpu(picture: Any, factor: FactorLike, backend: str) -> Any:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise UserError(
            "picture must be a uint8 array",
            hint="pass a numpy array of 0..255, or a torch tensor on a GPU",
        )
    if picture.ndim not in (3, 4) or 0 in picture.shape or picture.shape[-1] != 3:
        raise UserError(f"picture must be [H,W,3] or [N,H,W,3] and not empty, not {picture.shape}")
    exact = read(factor)
    if exact == 1:
        return picture.copy()
    one = backends.load(__name__, backend).shrink
    if picture.ndim == 4:
        return np.stack([one(single, exact) for single in picture])
    return np.asarray(one(picture, exact))
