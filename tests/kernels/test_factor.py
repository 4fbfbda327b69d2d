"""Factors are exact, and cells cover every pixel once."""

from fractions import Fraction

import numpy as np
import pytest

from kernels.cases import FACTORS, SIZES
from kernels.errors import UserError
from kernels.factor import axis, read, small_size


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ("1/4", Fraction(1, 4)),
        ("0.25", Fraction(1, 4)),
        (" 2/5 ", Fraction(2, 5)),
        (0.3, Fraction(3, 10)),
        (Fraction(1, 3), Fraction(1, 3)),
        ("1", Fraction(1)),
        (1, Fraction(1)),
    ],
)
def test_a_factor_is_read_exactly(given, exact):
    assert read(given) == exact


@pytest.mark.parametrize(
    "given",
    ["0", "-1", "-1/4", "abc", "", "1/0", "nan", "inf", "1/4/2", None, "1e999999999", "0.33333333"],
)
def test_nonsense_is_refused_with_a_hint(given):
    with pytest.raises(UserError, match="hint: a factor is the share"):
        read(given)


@pytest.mark.parametrize(("given", "meant"), [("4/1", "1/4"), (4, "1/4"), ("5/2", "2/5")])
def test_a_factor_upside_down_is_told_the_right_way_up(given, meant):
    with pytest.raises(UserError, match=f"did you mean {meant}"):
        read(given)


@pytest.mark.parametrize(
    ("pixels", "factor", "cells"),
    [
        (512, "1/4", 128),
        (333, "1/4", 83),
        (517, "1/8", 65),
        (5, "2/5", 2),
        (2, "1/4", 1),
        (1, "1/9", 1),
    ],
)
def test_the_number_of_cells_is_rounded_half_up_and_never_zero(pixels, factor, cells):
    assert axis(pixels, read(factor)).cells == cells


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("pixels", sorted({side for size in SIZES for side in size}))
def test_every_pixel_is_covered_once_and_every_cell_is_equally_long(pixels, factor):
    line = axis(pixels, read(factor))
    coverage = line.coverage()
    assert coverage.shape == (line.cells, pixels)
    assert (coverage.sum(0) == line.pixel_length).all()
    assert (coverage.sum(1) == line.cell_length).all()
    assert Fraction(line.cell_length, line.pixel_length) == Fraction(pixels, line.cells)
    covered = coverage > 0
    assert (np.diff(covered.argmax(1)) >= 0).all()


def test_small_size_is_height_first():
    assert small_size((333, 517), Fraction(1, 4)) == (83, 129)
