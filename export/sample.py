"""Compares an artefact with its checkpoint on labelled pictures: who changed, where, at what cost.

A changed pixel deep inside a region is a fault; one beside the border of two classes is what any
change of precision does. So they are counted by class and by distance to a border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export import verify
from export.samples import Labelled
from export.targets import Answer
from export.verify import Verdict
from kernels.paint import Mask
from trainer import talk
from trainer.checkpoint import Checkpoint
from trainer.data import Pair, refuse_strays
from trainer.score import Score, Truth

# Pixels to the nearest one of another class: up to the first, up to the second, further.
DISTANCES = (1, 3)
BANDS = ("<=1", "<=3", ">3")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Counts over labelled pictures; classes and bands are those of the checkpoint's mask."""

    classes: tuple[str, ...]
    verdict: Verdict
    by_class: NDArray[np.int64]  # [2,C] pixels, changed ones
    by_distance: NDArray[np.int64]  # [2,3] the same per band
    checkpoint: NDArray[np.int64]  # [C,C] confusion
    artefact: NDArray[np.int64]

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            classes=self.classes,
            verdict=self.verdict + other.verdict,
            by_class=self.by_class + other.by_class,
            by_distance=self.by_distance + other.by_distance,
            checkpoint=self.checkpoint + other.checkpoint,
            artefact=self.artefact + other.artefact,
        )

    @property
    def changed(self) -> float:
        """The share of changed pixels."""
        return self.verdict.changed / self.verdict.pixels

    @property
    def scores(self) -> tuple[float, float]:
        """mIoU of the checkpoint and of the artefact."""
        first, second = (
            Score(classes=self.classes, confusion=matrix).mean_iou
            for matrix in (self.checkpoint, self.artefact)
        )
        return first, second

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        before, after = self.scores
        return {
            "pictures": self.verdict.pictures,
            "pixels": self.verdict.pixels,
            "changed": self.verdict.changed,
            "logit_error": self.verdict.logit_error,
            "logit_size": self.verdict.logit_size,
            "miou_checkpoint": round(before, 6),
            "miou_artefact": round(after, 6),
            "changed_by_class": _shares(self.classes, self.by_class),
            "changed_by_distance": _shares(BANDS, self.by_distance),
        }

    def __str__(self) -> str:
        before, after = (100 * score for score in self.scores)
        places = _shares(BANDS, self.by_distance)
        bands = ", ".join(f"{100 * share:.3f} % {band} px" for band, share in places.items())
        return (
            f"{100 * self.changed:.4f} % of pixels changed on {self.verdict.pictures} labelled "
            f"pictures ({bands} from a border), mIoU {before:.2f} -> {after:.2f}"
        )


def _shares(names: tuple[str, ...], counts: NDArray[np.int64]) -> dict[str, float]:
    """The share that changed of each that occurs."""
    pairs = zip(names, *counts.tolist(), strict=True)
    return {name: round(changed / pixels, 8) for name, pixels, changed in pairs if pixels}


Run = Callable[[NDArray[np.uint8]], Answer]


def measure(checkpoint: Checkpoint, run: Run, labelled: Labelled, batch: int) -> Sample:
    """The sample over all pictures, each as often as the artefact wants at once."""
    shown = talk.track(labelled.pairs, "comparing with torch", len(labelled.pairs))
    return reduce(add, (_one(checkpoint, run, pair, labelled.ignore, batch) for pair in shown))


def _one(checkpoint: Checkpoint, run: Run, pair: Pair, ignore: int, batch: int) -> Sample:
    sample, classes = pair.read(), len(checkpoint.contract.classes)
    refuse_strays(sample.labels, pair.mask, classes, ignore)
    truth = Truth(sample.labels, classes, ignore)
    answer = run(np.repeat(sample.picture[None], batch, axis=0))
    seen = verify.compare(checkpoint, sample.picture[None], answer.first())
    ours, theirs = seen.ours[0], seen.theirs[0]
    changed = ours != theirs
    return Sample(
        classes=checkpoint.contract.classes,
        verdict=seen.verdict,
        by_class=_counted(ours, changed, classes),
        by_distance=_counted(distance_band(ours), changed, len(BANDS)),
        checkpoint=truth.against(ours).sum(0),
        artefact=truth.against(theirs).sum(0),
    )


def _counted(kind: NDArray[Any], changed: NDArray[np.bool_], kinds: int) -> NDArray[np.int64]:
    every = np.bincount(kind.ravel(), minlength=kinds)
    return np.stack([every, np.bincount(kind[changed], minlength=kinds)]).astype(np.int64)


def distance_band(mask: Mask) -> NDArray[np.uint8]:
    """The index in BANDS of each pixel: how far the nearest pixel of another class is."""
    band = np.full(mask.shape, len(DISTANCES), np.uint8)
    for index in reversed(range(len(DISTANCES))):
        band[_near_border(mask, DISTANCES[index])] = index
    return band


def _near_border(mask: Mask, distance: int) -> NDArray[np.bool_]:
    """Where the square of that many pixels around a pixel holds two classes."""
    lowest = highest = mask
    for axis in (0, 1):
        lowest = _over_window(np.minimum, lowest, distance, axis)
        highest = _over_window(np.maximum, highest, distance, axis)
    return np.asarray(lowest != highest)


def _over_window(best: np.ufunc, mask: Mask, distance: int, axis: int) -> Mask:
    pads = [(distance, distance) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(mask, pads, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * distance + 1, axis=axis)
    return np.asarray(best.reduce(windows, axis=-1))
