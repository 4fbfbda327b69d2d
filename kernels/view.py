"""The training geometry as data: which window of a picture is seen, mirrored or not, how small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from kernels.errors import UserError
from kernels.factor import Axis

# What one window is to the GPU: top, left, width, flip, and the cells of rows and columns.
FIELDS = 8
INT32 = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class View:
    """A rectangle of the full-size picture, perhaps mirrored; it may reach beyond the edges."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Views worked out: one row of FIELDS numbers each, and what is common to all."""

    rows: tuple[tuple[int, ...], ...]
    small: tuple[int, int]
    taps: tuple[int, int]  # the most pixels a cell touches, down and across
    whole: bool  # every cell is a block of whole pixels, the same one in all views
    area: int  # the largest cell, in parts of pixels


def plan(views: Sequence[View], small: tuple[int, int]) -> Plan:
    """How `views`, all reduced to `small` cells, are read."""
    if min(small) < 1:
        raise UserError(f"small must be (height, width) of at least 1, not {small}")
    sides = [(axis(v.height, small[0]), axis(v.width, small[1])) for v in views]
    rows = tuple(_row(view, *axes) for view, axes in zip(views, sides, strict=True))
    lengths = {row[4:] for row in rows}
    # Every view may be of another size; what sets one apart from the other is its cell.
    down, across = {row[4:6] for row in rows}, {row[6:8] for row in rows}
    return Plan(
        rows=rows,
        small=small,
        taps=(max(_taps(*side) for side in down), max(_taps(*side) for side in across)),
        whole=len(lengths) == 1 and all(p[1] == p[3] == 1 for p in lengths),
        area=max(p[0] * p[2] for p in lengths),
    )


def axis(pixels: int, cells: int) -> Axis:
    """An axis of `pixels` pixels cut into `cells` cells."""
    if pixels < 1:
        raise UserError(f"views must be at least 1 pixel high and wide, not {pixels}")
    length = Fraction(pixels, cells)
    if (pixels + 2) * length.denominator + length.numerator > INT32:
        raise UserError(
            f"{pixels} pixels in {cells} cells are too fine to count on a GPU",
            hint="choose sides whose quotient is a short fraction",
        )
    return Axis(
        pixels=pixels, cells=cells, cell_length=length.numerator, pixel_length=length.denominator
    )


def read(rows: Sequence[Sequence[int]]) -> tuple[View, ...]:
    """Views from rows of (top, left, height, width, flip)."""
    if not all(
        isinstance(row, Sequence) and len(row) == 5 and all(type(n) in (int, bool) for n in row)
        for row in rows
    ):
        raise UserError("views must be rows of whole numbers (top, left, height, width, flip)")
    return tuple(
        View(top=t, left=left, height=h, width=w, flip=bool(flip)) for t, left, h, w, flip in rows
    )


def _row(view: View, down: Axis, across: Axis) -> tuple[int, ...]:
    if max(abs(view.top), abs(view.left)) > INT32 // 4:
        raise UserError(f"views: {view} lies too far from the picture")
    cells = (down.cell_length, down.pixel_length, across.cell_length, across.pixel_length)
    return (view.top, view.left, view.width, int(view.flip), *cells)


def _taps(cell: int, pixel: int) -> int:
    """The most pixels that a cell touches: it may begin with the last part of a pixel."""
    return math.ceil((pixel - 1 + cell) / pixel)
