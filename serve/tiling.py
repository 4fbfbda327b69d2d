"""Runs a network on a small picture that is too large for one call: tiles, blended as logits.

How far the network looks is measured. Neighbouring tiles overlap by more than twice that: where one
of them lacks what it would look at, the other counts alone, and between there their logits go over
into each other linearly. What is held is one plane of logits of the small picture and the work of
one tile, however large the picture is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError

Run = Callable[[NDArray[np.uint8]], NDArray[np.floating]]  # [h,w,3] -> [C,h',w']
# Tiles begin at multiples of this, so that a network's grids lie on each other in all of them.
LINE = 32
# The largest picture that the reach is measured in.
PROBE = 512
# What a patch changes by less than this share of the most it changes is not looked at.
LOOKED_AT = 0.01


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model's pictures are cut, in small pixels."""

    side: int  # of a tile
    overlap: int  # of a tile with the next one
    margin: int  # of the overlap, at either end: where one of the two tiles does not count


@dataclass(frozen=True, kw_only=True)
class Span:
    """One tile along one axis."""

    first: int
    last: int
    begins: bool  # it is the first
    ends: bool  # it is the last


def fits(small: NDArray[np.uint8], tile: int) -> bool:
    """Whether one call takes it: by area, since a long narrow picture costs no more."""
    height, width = small.shape[:2]
    return bool(height * width <= tile * tile)


def plan(run: Run, tile: int) -> Plan:
    """Tiles for this network; one that looks farther than a quarter of a tile is held to that."""
    side = tile // (2 * LINE) * 2 * LINE
    far = reach(run, min(side, PROBE))
    overlap = min(side // 2, -(-(2 * far + LINE) // LINE) * LINE)
    return Plan(side=side, overlap=overlap, margin=min(far, overlap // 4))


def logits(run: Run, small: NDArray[np.uint8], cut: Plan) -> NDArray[np.floating]:
    """The logits of a small picture of any size, from calls of one tile each."""
    down, across = (spans(length, cut.side, cut.overlap) for length in small.shape[:2])
    plane: NDArray[np.floating] | None = None
    for row in down:
        for column in across:
            part = small[row.first : row.last, column.first : column.last]
            found = np.array(run(np.ascontiguousarray(part)), np.float32)
            step = _step(part, found)
            if plane is None:
                sides = (-(-length // step) for length in small.shape[:2])
                plane = np.zeros((len(found), *sides), np.float32)
            found *= _weights(found.shape[1], row, cut, step)[:, None]
            found *= _weights(found.shape[2], column, cut, step)
            top, left = row.first // step, column.first // step
            plane[:, top : top + found.shape[1], left : left + found.shape[2]] += found
    assert plane is not None
    return plane


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Tiles of `side` that cover an axis, each overlapping the next by `overlap`."""
    # At most half, so that no more than two tiles meet anywhere.
    pace = side - overlap
    count = 1 if length <= side else 1 + -(-(length - side) // pace)
    return [
        Span(
            first=index * pace,
            last=min(index * pace + side, length),
            begins=index == 0,
            ends=index == count - 1,
        )
        for index in range(count)
    ]


def reach(run: Run, side: int) -> int:
    """How many small pixels away a patch in the middle of noise still moves the logits.

    Networks that average over the whole picture look everywhere, but hardly: what counts is a
    hundredth of the most that is moved.
    """
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    other, middle = picture.copy(), slice(side // 2 - 8, side // 2 + 8)
    other[middle, middle] = 255 - other[middle, middle]
    before, after = (np.asarray(run(given), np.float32) for given in (picture, other))
    moved = np.abs(after - before).max(axis=0)
    places = np.argwhere(moved > LOOKED_AT * moved.max())
    if not len(places):
        return 0
    step = side / moved.shape[0]
    far = float(np.abs((places + 0.5) * step - side / 2).max())
    return max(0, math.ceil(far) - 8)


def _step(part: NDArray[np.uint8], found: NDArray[np.float32]) -> int:
    """Small pixels to a logit along each axis."""
    step: int = -(-part.shape[0] // found.shape[1])
    expected = tuple(-(-length // step) for length in part.shape[:2])
    if found.shape[1:] != expected or LINE % step:
        raise UserError(
            f"this network gives {found.shape[1]}x{found.shape[2]} logits for a tile of "
            f"{part.shape[0]}x{part.shape[1]}: tiles of it cannot be put together",
            hint="send smaller pictures, or raise --tile to work them whole",
        )
    return step


def _weights(length: int, span: Span, cut: Plan, step: int) -> NDArray[np.float32]:
    """1 inside; towards a neighbour down to 0, where the neighbour's go up to 1."""
    weights = np.ones(length, np.float32)
    places = (np.arange(cut.overlap // step) + 0.5) * step - cut.margin
    ramp = np.clip(places / (cut.overlap - 2 * cut.margin), 0, 1).astype(np.float32)
    if not span.begins:
        weights[: ramp.size] = ramp
    if not span.ends:
        weights[-ramp.size :] = 1 - ramp
    return weights
