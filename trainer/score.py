"""Counts what masks get right against full-size labels: everywhere, and near class boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.paint import Mask

BAND = 3  # pixels on each side of a boundary
Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Score:
    """What confusion matrices [truth, prediction] say; void is in none of it.

    `boundary` counts the pixels of `band` alone, where they were counted.
    """

    classes: tuple[str, ...]
    confusion: Counts
    boundary: Counts | None = None

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class; NaN where neither truth nor mask has it."""
        return _iou(self.confusion)

    @property
    def mean_iou(self) -> float:
        """The mean over the classes that occur."""
        return _mean(self.iou)

    @property
    def boundary_iou(self) -> NDArray[np.float64]:
        """The same over the pixels near class boundaries; NaN where none were counted."""
        counted = np.zeros_like(self.confusion) if self.boundary is None else self.boundary
        return _iou(counted)

    @property
    def mean_boundary_iou(self) -> float:
        """The mean over the classes that occur there."""
        return _mean(self.boundary_iou)

    @property
    def accuracy(self) -> float:
        """The share of labelled pixels that are right."""
        total = self.confusion.sum()
        return float(np.diag(self.confusion).sum() / total) if total else float("nan")

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        told = {
            "miou": number(self.mean_iou),
            "accuracy": number(self.accuracy),
            "iou": self._by_class(self.iou),
        }
        if self.boundary is None:
            return told
        return told | {
            "boundary_miou": number(self.mean_boundary_iou),
            "boundary_iou": self._by_class(self.boundary_iou),
        }

    def _by_class(self, values: NDArray[np.float64]) -> dict[str, float | None]:
        return dict(zip(self.classes, map(number, values), strict=True))


def number(value: float) -> float | None:
    """JSON has no NaN: what does not occur has no number."""
    return None if np.isnan(value) else round(float(value), 6)


def _iou(confusion: Counts) -> NDArray[np.float64]:
    hits = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hits
    empty = np.full(len(hits), np.nan)
    return np.asarray(np.divide(hits, union, out=empty, where=union > 0))


def _mean(values: NDArray[np.float64]) -> float:
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))


class Truth:
    """A full-size label map, made ready to be compared with any number of masks."""

    def __init__(self, labels: Mask, classes: int, ignore: int) -> None:
        self._shape = (2, classes + 1, classes)  # off or in the band, truth or void, prediction
        # The narrowest type that holds every bin: counting two megapixels is a matter of bytes.
        kind = np.min_scalar_type(2 * (classes + 1) * classes)
        truth = np.where(labels == ignore, classes, labels).astype(kind)
        truth += band(labels, ignore) * kind.type(classes + 1)
        self._bins = truth * kind.type(classes)

    def against(self, mask: Mask) -> Counts:
        """[2, C, C]: the pixels off and in the band, by truth and prediction."""
        bins = (self._bins + mask).ravel()
        counts = np.bincount(bins, minlength=int(np.prod(self._shape)))
        return counts.reshape(self._shape)[:, :-1]


def scored(classes: tuple[str, ...], counts: Counts) -> Score:
    """The score of added up counts [2, C, C] of `Truth.against`."""
    return Score(classes=classes, confusion=counts.sum(0), boundary=counts[1])


def band(labels: Mask, ignore: int, width: int = BAND) -> NDArray[np.bool_]:
    """[H,W]: the labelled pixels near a true class boundary.

    A boundary runs between two pixels, neighbours in a row or in a column, that are labelled as
    different classes; a border towards void is none. A labelled pixel is in the band where the
    Chebyshev distance from it to a pixel at a boundary is less than `width`: a straight boundary
    has `width` pixels on each side in the band.
    """
    known = labels != ignore
    near = np.zeros(labels.shape, np.bool_)
    for before, after in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        edge = (labels[before] != labels[after]) & known[before] & known[after]
        near[before] |= edge
        near[after] |= edge
    return np.asarray(_grown(near, width - 1) & known)


def _grown(marked: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Every pixel with a marked one in the square of `by` pixels around it."""
    across = marked.copy()
    for step in range(1, by + 1):
        across[:, step:] |= marked[:, :-step]
        across[:, :-step] |= marked[:, step:]
    grown = across.copy()
    for step in range(1, by + 1):
        grown[step:] |= across[:-step]
        grown[:-step] |= across[step:]
    return grown
