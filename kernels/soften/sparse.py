"""Shares for storage: the largest few of each cell, as (class, share) pairs.

Nothing is lost where a cell has no more classes than are kept. Where it has more, the smallest
shares go, at most (C - k) / C of the cell's mass, and become missing mass like void.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError

STORED = ("float32", "float16", "uint8")


@dataclass(frozen=True, kw_only=True)
class Sparse:
    """The k largest shares of each cell, the larger first, the lower class first of equals."""

    classes: NDArray[np.unsignedinteger[Any]]  # uint8 (uint16 past 256 classes) [k,h,w]
    shares: NDArray[Any]  # float32, float16 or uint8 [k,h,w], as they came


def pack(shares: NDArray[Any], top: int) -> Sparse:
    """The `top` largest of shares [C,h,w]; a leading batch axis is kept."""
    if not isinstance(shares, np.ndarray) or shares.dtype.name not in STORED:
        raise UserError(f"shares must be a {', '.join(STORED[:-1])} or {STORED[-1]} array")
    if shares.ndim not in (3, 4) or 0 in shares.shape:
        raise UserError(f"shares must be [C,h,w] or [N,C,h,w] and not empty, not {shares.shape}")
    classes = shares.shape[-3]
    if not 1 <= top <= classes:
        raise UserError(f"top must be 1 to {classes}, the number of classes, not {top}")
    # Stable, so that of equals the lowest class comes first.
    order = np.argsort(-shares.astype(np.float32), axis=-3, kind="stable")
    kept = order[..., :top, :, :]
    number = np.uint8 if classes <= 256 else np.uint16
    return Sparse(classes=kept.astype(number), shares=np.take_along_axis(shares, kept, axis=-3))


def unpack(sparse: Sparse, classes: int) -> NDArray[Any]:
    """Shares [C,h,w] with zeros for all that was not kept."""
    if sparse.classes.shape != sparse.shares.shape:
        raise UserError(
            f"sparse has classes {sparse.classes.shape} for shares {sparse.shares.shape}"
        )
    highest = int(sparse.classes.max())
    if highest >= classes:
        raise UserError(f"classes is {classes}, but sparse has a class {highest}")
    *batch, _, height, width = sparse.shares.shape
    shares = np.zeros((*batch, classes, height, width), sparse.shares.dtype)
    np.put_along_axis(shares, sparse.classes.astype(np.intp), sparse.shares, axis=-3)
    return shares
