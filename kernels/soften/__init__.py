"""Reduce a label map to class shares: what part of each cell each class covers."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernels import backends
from kernels.errors import UserError, one_of
from kernels.factor import FactorLike, axis, read
from kernels.soften.modes import LINEAR, MODES, check_size

__all__ = ["MODES", "soften"]

DTYPES = (np.uint8, np.uint16, np.int16, np.int32)
SHARES = ("float32", "float16", "uint8")
MOST_CLASSES = 65535


def soften(
    labels: NDArray[np.integer[Any]] | backends.DeviceTensor,
    factor: FactorLike,
    classes: int,
    *,
    ignore: int = 255,
    mode: str = "area",
    dtype: DTypeLike = np.float32,
    seed: int = 0,
    backend: str = "auto",
) -> Any:
    """ints [H,W] -> shares [C,h,w]; a leading batch axis is kept.

    Shares are not normalised: a cell's classes sum to its labelled part, void is missing mass.
    `mode` is one of MODES (kernels.soften.modes). As uint8 a share is counted in 255ths, rounded
    half to even. `seed` is for `nearest-random` alone; item k of a batch draws with seed + k.
    A torch tensor on a GPU gives a tensor there, in mode 'area'.
    """
    classes, ignore = _whole("classes", classes), _whole("ignore", ignore)
    seed = _whole("seed", seed)
    if mode not in MODES:
        raise one_of("label mode", mode, MODES)
    exact = read(factor)
    if backends.for_gpu(labels, backend):
        gpu = backends.load(__name__, backends.GPU)
        return gpu.soften(labels, exact, classes, ignore, mode=mode, dtype=gpu.kind_of(dtype))
    return _on_cpu(labels, exact, classes, ignore, mode, _kind(dtype), seed, backend)


def _on_cpu(
    labels: Any,
    exact: Fraction,
    classes: int,
    ignore: int,
    mode: str,
    kind: np.dtype[Any],
    seed: int,
    backend: str,
) -> NDArray[Any]:
    _check(labels, classes, ignore)
    if mode in LINEAR:
        check_size(mode, *(axis(side, exact) for side in labels.shape[-2:]))
    one = backends.load(__name__, backend).soften
    if labels.ndim == 3:
        return np.stack(
            [
                one(single, exact, classes, ignore, mode=mode, dtype=kind, seed=seed + item)
                for item, single in enumerate(labels)
            ]
        )
    return np.asarray(one(labels, exact, classes, ignore, mode=mode, dtype=kind, seed=seed))


def _check(labels: NDArray[np.integer[Any]], classes: int, ignore: int) -> None:
    if not isinstance(labels, np.ndarray) or labels.dtype not in DTYPES:
        raise UserError("labels must be a uint8, uint16, int16 or int32 array")
    if labels.ndim not in (2, 3) or 0 in labels.shape:
        raise UserError(f"labels must be [H,W] or [N,H,W] and not empty, not {labels.shape}")
    if not 1 <= classes <= MOST_CLASSES:
        raise UserError(f"classes must be 1 to {MOST_CLASSES}, not {classes}")
    if 0 <= ignore < classes:
        raise UserError(
            f"ignore={ignore} is also a class (0 to {classes - 1})",
            hint="choose a void id that is no class",
        )


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise UserError(f"{name} must be a whole number, not {value!r}")
    return operator.index(value)


def _kind(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise one_of("dtype of shares", dtype, SHARES) from None
    if kind.name not in SHARES or not kind.isnative:
        raise one_of("dtype of shares", kind, SHARES)
    return kind


def stray(label: int, classes: int, ignore: int) -> UserError:
    """The error for a label that is neither a class nor void."""
    return UserError(
        f"label {label} is neither a class (0 to {classes - 1}) nor void ({ignore})",
        hint="correct the mask, or name the classes it uses",
    )
