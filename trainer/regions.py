"""The regions of COCO annotations as pixels: polygons, and run lengths as numbers or as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError

Region = NDArray[np.bool_]  # [H,W]
# A run length is written as digits of five bits, lowest first, from the character '0' on.
DIGIT, MORE, NEGATIVE = 5, 0x20, 0x10
FIRST_CHARACTER = ord("0")
# From this run on, what is written is the difference to the one before the last.
FIRST_DIFFERENCE = 3


def region(segmentation: Any, size: tuple[int, int]) -> Region:
    """The pixels of an annotation's `segmentation` in a picture of `size` (H, W)."""
    try:
        if not isinstance(segmentation, dict):
            return _filled(segmentation, size)
        height, width = segmentation["size"]
        counts = segmentation["counts"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"neither polygons nor run lengths ({error!r})") from None
    if (height, width) != size:
        raise UserError(f"its run lengths are for {width}x{height}, not {size[1]}x{size[0]}")
    return _spread(run_lengths(counts) if isinstance(counts, str) else counts, size)


def run_lengths(text: str) -> list[int]:
    """The numbers that COCO's compressed text of run lengths holds."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - FIRST_CHARACTER
        if not 0 <= digit < 2 * MORE:
            raise UserError(f"'{character}' is no character of a run length")
        value |= (digit & (MORE - 1)) << shift
        shift += DIGIT
        if digit & MORE:
            continue
        value -= (1 << shift) if digit & NEGATIVE else 0
        runs.append(value + (runs[-2] if len(runs) >= FIRST_DIFFERENCE else 0))
        value = shift = 0
    return runs


def _spread(runs: Sequence[int], size: tuple[int, int]) -> Region:
    """Runs of outside and inside in turn, column by column."""
    lengths = np.asarray(runs, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != size[0] * size[1]:
        raise UserError(f"its run lengths come to {lengths.sum()} pixels, not {size[0] * size[1]}")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(size[1], size[0]).T


def _filled(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Region:
    """The union of polygons; a pixel is in one where its centre is."""
    whole = np.zeros(size, np.bool_)
    for polygon in polygons:
        whole |= _polygon(np.asarray(polygon, np.float64).reshape(-1, 2), size)
    return whole


def _polygon(corners: NDArray[np.float64], size: tuple[int, int]) -> Region:
    """Even-odd: every edge that passes a row of centres flips all that lies to the right of it."""
    flips = np.zeros((size[0], size[1] + 1), np.uint8)
    rows = np.arange(size[0]) + 0.5
    for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, 0), strict=True):
        passed = np.flatnonzero((y <= rows) != (next_y <= rows))
        if passed.size:
            crossing = x + (rows[passed] - y) * (next_x - x) / (next_y - y)
            first = np.clip(np.ceil(crossing - 0.5), 0, size[1]).astype(np.intp)
            flips[passed, first] ^= 1
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :-1].astype(np.bool_)
