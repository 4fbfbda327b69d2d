"""What each factor leaves of the labels themselves: reduced, painted back, scored at full size.

No network can be expected to do better than its own targets. It is no strict bound: logits that are
sharper than the shares can paint what is thin a little better.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from kernels.paint import Mask, mask_dtype
from trainer.score import Counts, Score, Truth, number, scored

FACTORS = tuple(Fraction(1, cell) for cell in (2, 4, 8, 16, 32))
KEPT_OF_ALL = 0.90
KEPT_OF_EACH = 0.50
RULE = (
    f"the smallest factor that keeps {100 * KEPT_OF_ALL:.0f} of the mean IoU "
    f"and {100 * KEPT_OF_EACH:.0f} of every class"
)


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What one factor keeps: as shares painted bilinearly, and as one class a cell."""

    factor: Fraction
    soft: Score
    hard: Score

    def lost(self) -> dict[str, float]:
        """The classes, and their IoU, of which this factor keeps too little."""
        kept = zip(self.soft.classes, self.soft.iou, strict=True)
        return {name: float(iou) for name, iou in kept if iou < KEPT_OF_EACH}

    def suffices(self) -> bool:
        """Whether the rule is content with this factor."""
        return self.soft.mean_iou >= KEPT_OF_ALL and not self.lost()

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "factor": str(self.factor),
            "soft": self.soft.plain(),
            "hard": self.hard.plain(),
            "lost": {name: number(iou) for name, iou in self.lost().items()},
        }


def measured(labels: Mask, classes: int, ignore: int) -> Counts:
    """[factors, soft or hard, off or in the band, C, C] of one full-size label map."""
    truth = Truth(labels, classes, ignore)
    return np.stack(
        [
            np.stack(
                [truth.against(mask) for mask in _brought_back(labels, factor, classes, ignore)]
            )
            for factor in FACTORS
        ]
    )


def _brought_back(labels: Mask, factor: Fraction, classes: int, ignore: int) -> tuple[Mask, Mask]:
    """The mask painted from the shares themselves, and the one of each cell's majority."""
    shares = kernels.soften(labels, factor, classes, ignore=ignore)
    height, width = labels.shape
    # The largest share of each cell, the lowest class of equals: void wins nothing.
    majority: Mask = shares.argmax(0).astype(mask_dtype(classes))
    rows, columns = _nearest(height, majority.shape[0]), _nearest(width, majority.shape[1])
    return kernels.paint(shares, (height, width)), majority.take(columns, 1).take(rows, 0)


def _nearest(pixels: int, cells: int) -> NDArray[np.int64]:
    """The cell under the centre of each pixel."""
    return np.asarray((2 * np.arange(pixels) + 1) * cells // (2 * pixels))


def ceilings(counts: Counts, classes: tuple[str, ...]) -> tuple[Ceiling, ...]:
    """The ceiling of each factor, from added up counts of `measured`."""
    return tuple(
        Ceiling(factor=factor, soft=scored(classes, soft), hard=scored(classes, hard))
        for factor, (soft, hard) in zip(FACTORS, counts, strict=True)
    )


def recommended(found: tuple[Ceiling, ...]) -> Fraction:
    """The factor of RULE; 1, which loses nothing, where no other suffices."""
    return min((each.factor for each in found if each.suffices()), default=Fraction(1))
