"""Hand-worked tables and awkward sizes for the three operators, shared by tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = ((1, 1), (1, 9), (7, 5), (64, 96), (97, 101), (333, 517))
FACTORS = ("1", "1/2", "1/3", "2/5", "0.3", "1/4", "7/8", "1/8", "1/500")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of numbers before and after; an operator treats rows and columns alike."""

    factor: str
    before: tuple[int, ...]
    after: tuple[float, ...]


SHRINK = (
    Line(factor="1/2", before=(0, 1, 1, 2), after=(0, 2)),  # 0.5 -> 0 and 1.5 -> 2: half to even
    Line(factor="1/4", before=(10, 20, 30, 40), after=(25,)),
    # Five pixels in two cells of 2.5: the middle pixel belongs to both by half.
    Line(factor="2/5", before=(10, 10, 0, 20, 20), after=(8, 16)),
    Line(factor="1/3", before=(1, 2, 3, 4), after=(2,)),  # 4/3 rounds to one cell: 2.5 -> 2
    Line(factor="1/500", before=(7, 9), after=(8,)),  # never less than one cell
    Line(factor="1", before=(3, 1, 2), after=(3, 1, 2)),
)

# Shares of class 1 among classes 0 and 1; 255 is void and leaves its mass missing.
SOFTEN = (
    Line(factor="1/2", before=(0, 1, 1, 1), after=(0.5, 1.0)),
    Line(factor="2/5", before=(1, 0, 1, 0, 0), after=(0.6, 0.2)),
    Line(factor="1/2", before=(255, 1, 255, 255), after=(0.5, 0.0)),
    Line(factor="1/4", before=(0, 0, 0, 1), after=(0.25,)),
)

# The same in the other modes; `nearest-random` has no table, for it draws.
SOFTEN_MODES = {
    "bilinear": (
        # The two pixels around the centre alone, whatever the cell's size.
        Line(factor="1/4", before=(1, 0, 0, 1), after=(0.0,)),
        Line(factor="1/2", before=(0, 1, 255, 1), after=(0.5, 0.5)),
        # Centres at 1.25 and 3.75: a quarter of pixel 0 and three of pixel 1, then the mirror.
        Line(factor="2/5", before=(1, 0, 1, 0, 1), after=(0.25, 0.25)),
        Line(factor="1", before=(1, 0, 255), after=(1.0, 0.0, 0.0)),
    ),
    "bilinear-aa": (
        # Weights 3, 3 and 1 of pixels 0, 1 and 2; one more would lie outside.
        Line(factor="1/2", before=(1, 0, 0, 0), after=(3 / 7, 0.0)),
        Line(factor="1/2", before=(255, 1, 1, 0), after=(4 / 7, 4 / 7)),
        Line(factor="1", before=(1, 0, 1), after=(1.0, 0.0, 1.0)),
        # One cell of two pixels: a pixel's centre is a quarter of the way to the triangle's end.
        Line(factor="1/500", before=(1, 0), after=(0.5,)),
    ),
    "nearest": (
        # The centre of four pixels is the edge of the third, which takes it.
        Line(factor="1/4", before=(0, 0, 1, 0), after=(1.0,)),
        Line(factor="2/5", before=(0, 1, 0, 1, 0), after=(1.0, 1.0)),
        Line(factor="1/3", before=(1, 255, 1), after=(0.0,)),
    ),
    "majority": (
        # A tie goes to the lowest class, and void has no vote.
        Line(factor="1/4", before=(1, 1, 0, 0), after=(0.0,)),
        Line(factor="1/4", before=(255, 255, 255, 1), after=(1.0,)),
        Line(factor="1/2", before=(1, 255, 255, 255), after=(1.0, 0.0)),
        # 1.5 pixels of class 1 against one of class 0, then 0.5 against 2.
        Line(factor="2/5", before=(1, 0, 1, 0, 0), after=(1.0, 0.0)),
    ),
}

# Logits of class 0 against a class 1 that is zero everywhere; the mask row they paint.
PAINT = (
    Line(factor="1/4", before=(1, -1), after=(0, 0, 0, 0, 1, 1, 1, 1)),
    # A tie at exactly zero goes to class 0.
    Line(factor="1/2", before=(0, 0), after=(0, 0, 0, 0)),
    # Centres of 3 pixels over 2 cells: -1/6 (clamped), 1/2, 7/6 (clamped): the middle ties.
    Line(factor="2/3", before=(1, -1), after=(0, 0, 1)),
)
