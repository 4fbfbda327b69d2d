"""Reads a factor and says which pixels each cell of the reduced picture covers.

An axis of n pixels at factor f has m = max(1, floor(n*f + 1/2)) cells, and cell i covers exactly
[i*n/m, (i+1)*n/m). Everything here is integer arithmetic: with n/m = p/q in lowest terms, lengths
are counted in q-ths of a pixel, so a pixel is q long, a cell is p long, and coverage is a whole
number.

A network may see the picture finer than it answers: `sight` cells of the picture, down and across,
in every cell of its labels and logits. They are cells of the same kind, only `sight * m` of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError

FactorLike = Fraction | str | float | int
LARGEST_DENOMINATOR = 10_000
HINT = "a factor is the share of each side that is kept, in (0, 1]: 1/4, 0.25, 2/5 or 1"


def read(value: FactorLike) -> Fraction:
    """'1/4', '0.3', 0.25 or a Fraction, as an exact Fraction in (0, 1]."""
    text = str(value).strip()
    # A plain number of few digits: 1e999999999 would take all day, 0.3333333333333333 has no cells
    # that anybody meant.
    if not re.fullmatch(r"-?\d{1,9}(/-?\d{1,9}|\.\d{1,4})?", text):
        raise UserError(f"factor '{value}' is not a short number", hint=HINT)
    try:
        factor = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UserError(f"factor '{value}' is not a number", hint=HINT) from None
    if factor.denominator > LARGEST_DENOMINATOR:
        raise UserError(f"factor '{value}' is finer than 1/{LARGEST_DENOMINATOR}", hint=HINT)
    if factor > 1:
        raise UserError(
            f"factor '{value}' is larger than 1", hint=f"did you mean {1 / factor}? {HINT}"
        )
    if factor <= 0:
        raise UserError(f"factor '{value}' is not above 0", hint=HINT)
    return factor


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One side of a picture cut into cells, in q-ths of a pixel."""

    pixels: int
    cells: int
    cell_length: int  # p
    pixel_length: int  # q

    def coverage(self) -> NDArray[np.int64]:
        """[cells, pixels]: how much of each pixel lies in each cell; rows sum to `cell_length`."""
        cell = np.arange(self.cells, dtype=np.int64)[:, None] * self.cell_length
        pixel = np.arange(self.pixels, dtype=np.int64)[None, :] * self.pixel_length
        first = np.maximum(cell, pixel)
        last = np.minimum(cell + self.cell_length, pixel + self.pixel_length)
        return np.asarray(np.maximum(last - first, 0))


def axis(pixels: int, factor: Fraction, sight: int = 1) -> Axis:
    """The cells of an axis of `pixels` pixels."""
    double = 2 * pixels * factor.numerator + factor.denominator
    cells = sight * max(1, double // (2 * factor.denominator))
    length = Fraction(pixels, cells)
    return Axis(
        pixels=pixels, cells=cells, cell_length=length.numerator, pixel_length=length.denominator
    )


def small_size(size: tuple[int, int], factor: Fraction, sight: int = 1) -> tuple[int, int]:
    """(height, width) of the reduced picture."""
    return axis(size[0], factor, sight).cells, axis(size[1], factor, sight).cells
