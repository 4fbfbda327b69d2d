"""Reduce a colour picture: each small pixel is the mean of the pixels its cell covers."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from kernels import backends
from kernels.contract import Contract
from kernels.errors import UserError
from kernels.factor import FactorLike, read

__all__ = ["seen", "shrink"]

Picture = TypeVar("Picture")


def shrink(
    picture: Picture, factor: FactorLike, sight: int = 1, *, backend: str = "auto"
) -> Picture:
    """uint8 [H,W,3] -> uint8 [h,w,3], rounded half to even; a leading batch axis is kept.

    With a `sight` it comes out that many times as high and as wide as the factor says.

    A numpy array gives a numpy array, a torch tensor on a GPU a tensor there.
    """
    if backends.for_gpu(picture, backend):
        there: Picture = backends.load(__name__, backends.GPU).shrink(picture, read(factor), sight)
        return there
    here: Picture = _on_cpu(picture, factor, sight, backend)
    return here


def seen(picture: Picture, contract: Contract) -> Picture:
    """What a network of that contract sees of a picture, or of a batch of them."""
    return shrink(picture, contract.factor, contract.sight)


def _on_cpu(picture: Any, factor: FactorLike, sight: int, backend: str) -> Any:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise UserError(
            "picture must be a uint8 array",
            hint="pass a numpy array of 0..255, or a torch tensor on a GPU",
        )
    if picture.ndim not in (3, 4) or 0 in picture.shape or picture.shape[-1] != 3:
        raise UserError(f"picture must be [H,W,3] or [N,H,W,3] and not empty, not {picture.shape}")
    exact = read(factor)
    if exact == sight == 1:
        return picture.copy()
    one = backends.load(__name__, backend).shrink
    if picture.ndim == 4:
        return np.stack([one(single, exact, sight) for single in picture])
    return np.asarray(one(picture, exact, sight))
