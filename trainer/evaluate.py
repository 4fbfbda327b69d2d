"""Scores a network at native size, against full-size labels, with the kernels that serve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import kernels
from kernels.contract import Contract
from kernels.paint import Mask
from trainer import talk
from trainer.data import Dataset, refuse_strays
from trainer.network import Network


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a confusion matrix [truth, prediction] says; void is in none of it."""

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class; NaN where neither truth nor mask has it."""
        hits = np.diag(self.confusion)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        empty = np.full(len(hits), np.nan)
        return np.asarray(np.divide(hits, union, out=empty, where=union > 0))

    @property
    def mean_iou(self) -> float:
        """The mean over the classes that occur."""
        return float(np.nanmean(self.iou)) if self.confusion.any() else float("nan")

    @property
    def accuracy(self) -> float:
        """The share of labelled pixels that are right."""
        total = self.confusion.sum()
        return float(np.diag(self.confusion).sum() / total) if total else float("nan")

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        per_class = zip(self.classes, map(_number, self.iou), strict=True)
        return {
            "miou": _number(self.mean_iou),
            "accuracy": _number(self.accuracy),
            "iou": dict(per_class),
        }


def _number(value: float) -> float | None:
    """JSON has no NaN: what does not occur has no number."""
    return None if np.isnan(value) else round(float(value), 6)


def predict(network: Network, contract: Contract, picture: NDArray[np.uint8]) -> Mask:
    """The full-size mask of a full-size picture."""
    small = kernels.shrink(picture, contract.factor)
    device = next(network.parameters()).device
    with torch.inference_mode():
        logits = network(torch.from_numpy(small)[None].to(device))[0]
    mask: Mask = kernels.paint(logits.float().cpu().numpy(), picture.shape[:2])
    return mask


def evaluate(
    network: Network, contract: Contract, dataset: Dataset, split: str, *, most: int | None = None
) -> Score:
    """The score over a split, or its first `most` pairs. Leaves the network in evaluation mode."""
    network.eval()
    classes = len(contract.classes)
    total = np.zeros((classes, classes), np.int64)
    pairs = dataset.split(split)[:most]
    for pair in talk.track(pairs, f"scoring {split}", len(pairs)):
        sample = pair.read()
        refuse_strays(sample.labels, pair.mask, classes, dataset.ignore)
        mask = predict(network, contract, sample.picture)
        total += confusion(mask, sample.labels, classes, dataset.ignore)
    return Score(classes=contract.classes, confusion=total)


def confusion(mask: Mask, labels: Mask, classes: int, ignore: int) -> NDArray[np.int64]:
    """[classes, classes]: how many pixels of each truth got each prediction."""
    known = labels != ignore
    both = labels[known].astype(np.int64) * classes + mask[known]
    return np.bincount(both, minlength=classes * classes).reshape(classes, classes)
