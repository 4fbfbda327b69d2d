"""Reduce a label map to class shares: what part of each cell each class covers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import backends
from kernels.errors import UserError, one_of
from kernels.factor import FactorLike, read

__all__ = ["MODES", "soften"]

MODES = ("area",)
DTYPES = (np.uint8, np.uint16, np.int16, np.int32)


def soften(
    labels: NDArray[np.integer[Any]],
    factor: FactorLike,
    classes: int,
    *,
    ignore: int = 255,
    mode: str = "area",
    backend: str = "auto",
) -> NDArray[np.float32]:
    """ints [H,W] -> float32 [C,h,w]; a leading batch axis is kept.

    Shares are not normalised: a cell's classes sum to its labelled part, void is missing mass.
    """
    _check(labels, classes, ignore)
    if mode not in MODES:
        raise one_of("label mode", mode, MODES)
    exact = read(factor)
    one = backends.load(__name__, backend).soften
    if labels.ndim == 3:
        return np.stack([one(single, exact, classes, ignore) for single in labels])
    return np.asarray(one(labels, exact, classes, ignore))


def _check(labels: NDArray[np.integer[Any]], classes: int, ignore: int) -> None:
    if not isinstance(labels, np.ndarray) or labels.dtype not in DTYPES:
        raise UserError("labels must be a uint8, uint16, int16 or int32 array")
    if labels.ndim not in (2, 3) or 0 in labels.shape:
        raise UserError(f"labels must be [H,W] or [N,H,W] and not empty, not {labels.shape}")
    if not 1 <= classes <= 65535:
        raise UserError(f"classes must be 1 to 65535, not {classes}")
    if 0 <= ignore < classes:
        raise UserError(
            f"ignore={ignore} is also a class (0 to {classes - 1})",
            hint="choose a void id that is no class",
        )


def stray(label: int, classes: int, ignore: int) -> UserError:
    """The error for a label that is neither a class nor void."""
    return UserError(
        f"label {label} is neither a class (0 to {classes - 1}) nor void ({ignore})",
        hint="correct the mask, or name the classes it uses",
    )
