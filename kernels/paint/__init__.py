"""Paint the full-size mask from small logits: bilinear up-sampling and argmax in one step.

No array of classes x full size is ever made. Pixel centres lie at half-pixels (align_corners=False
in other libraries), a tie goes to the lowest class, a logit that is not a number counts as the
lowest float32 and an infinite one as the largest of its sign.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from kernels import backends
from kernels.errors import UserError

__all__ = ["Mask", "Painting", "Window", "mask_dtype", "paint", "painting"]

Mask = NDArray[np.unsignedinteger[Any]]
Window = tuple[int, int, int, int]  # top, left, height, width
MOST_CLASSES = 65535


@dataclass(frozen=True, kw_only=True)
class Painting:
    """A mask, and what came to light while it was painted; a leading batch axis is kept."""

    mask: Mask  # [H,W], or the window's size
    counts: NDArray[np.int64]  # [C] pixels of each class in `mask`
    # [H,W] by how much the best logit leads the second, in sixteenths; 255 is that or more, and
    # where there is one class only.
    margin: NDArray[np.uint8] | None


def mask_dtype(classes: int) -> type[np.uint8] | type[np.uint16]:
    """The pixel type of a mask: one byte as long as every class fits."""
    return np.uint8 if classes <= 256 else np.uint16


@overload
def paint(
    logits: NDArray[np.floating[Any]],
    size: tuple[int, int],
    *,
    window: Window | None = ...,
    backend: str = ...,
) -> Mask: ...


@overload
def paint(
    logits: backends.DeviceTensor,
    size: tuple[int, int],
    *,
    window: Window | None = ...,
    backend: str = ...,
) -> Any: ...


def paint(
    logits: NDArray[np.floating[Any]] | backends.DeviceTensor,
    size: tuple[int, int],
    *,
    window: Window | None = None,
    backend: str = "auto",
) -> Any:
    """float [C,h,w], (H, W) -> uint8 [H,W] (uint16 past 256 classes); a leading batch is kept.

    `window` (top, left, height, width) computes that part of the mask alone. A torch tensor on a
    GPU gives a tensor there.
    """
    if backends.for_gpu(logits, backend):
        size, part = _place(size, window)
        return backends.load(__name__, backends.GPU).paint(logits, size, window=part)[0]
    return painting(logits, size, window=window, backend=backend).mask


def painting(
    logits: NDArray[np.floating[Any]] | backends.DeviceTensor,
    size: tuple[int, int],
    *,
    window: Window | None = None,
    margin: bool = False,
    backend: str = "auto",
) -> Painting:
    """The mask, how many pixels each class has in it and, if asked for, the winners' margin.

    Of a torch tensor on a GPU all three are tensors there.
    """
    size, part = _place(size, window)
    if backends.for_gpu(logits, backend):
        made: Painting = backends.load(__name__, backends.GPU).painting(logits, size, part, margin)
        return made
    return _on_cpu(logits, size, part, margin, backend)


def _on_cpu(
    logits: Any, size: tuple[int, int], part: Window, margin: bool, backend: str
) -> Painting:
    _check(logits)
    one = backends.load(__name__, backend).painting
    if logits.ndim == 3:
        done: Painting = one(logits, size, part, margin)
        return done
    each: list[Painting] = [one(single, size, part, margin) for single in logits]
    planes = [item.margin for item in each if item.margin is not None]
    return Painting(
        mask=np.stack([item.mask for item in each]),
        counts=np.stack([item.counts for item in each]),
        margin=np.stack(planes) if planes else None,
    )


def _place(size: object, window: object) -> tuple[tuple[int, int], Window]:
    """The mask's size and the part of it that is wanted, both checked."""
    height, width = _whole(size, "size", "(height, width) of at least 1", _is_size)
    part = (0, 0, height, width) if window is None else _window(window, height, width)
    return (height, width), part


def _check(logits: NDArray[np.floating[Any]]) -> None:
    if not isinstance(logits, np.ndarray) or logits.dtype not in (np.float32, np.float16):
        raise UserError("logits must be a float32 or float16 array")
    if logits.ndim not in (3, 4) or 0 in logits.shape:
        raise UserError(f"logits must be [C,h,w] or [N,C,h,w] and not empty, not {logits.shape}")
    if logits.shape[-3] > MOST_CLASSES:
        raise UserError(f"logits must have at most {MOST_CLASSES} classes, not {logits.shape[-3]}")


def _whole(given: object, name: str, meaning: str, fits: Callable[[list[int]], bool]) -> list[int]:
    """The whole numbers of an argument, when they are what it means."""
    wrong = UserError(f"{name} must be {meaning}, not {given!r}")
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise wrong
    try:
        numbers = [operator.index(number) for number in given]
    except TypeError:
        raise wrong from None
    if not fits(numbers):
        raise wrong
    return numbers


def _is_size(numbers: list[int]) -> bool:
    return len(numbers) == 2 and min(numbers) >= 1


def _window(given: object, height: int, width: int) -> Window:
    def fits(numbers: list[int]) -> bool:
        if len(numbers) != 4:
            return False
        top, left, tall, wide = numbers
        inside = top >= 0 and left >= 0 and top + tall <= height and left + wide <= width
        return inside and tall >= 1 and wide >= 1

    meaning = f"(top, left, height, width) of at least one pixel inside {height} x {width}"
    top, left, tall, wide = _whole(given, "window", meaning, fits)
    return top, left, tall, wide
