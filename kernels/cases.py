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

# Logits of class 0 against a class 1 that is zero everywhere; the mask row they paint.
PAINT = (
    Line(factor="1/4", before=(1, -1), after=(0, 0, 0, 0, 1, 1, 1, 1)),
    # A tie at exactly zero goes to class 0.
    Line(factor="1/2", before=(0, 0), after=(0, 0, 0, 0)),
    # Centres of 3 pixels over 2 cells: -1/6 (clamped), 1/2, 7/6 (clamped): the middle ties.
    Line(factor="2/3", before=(1, -1), after=(0, 0, 1)),
)
