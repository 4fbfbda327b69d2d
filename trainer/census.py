"""How many pixels of each class every training picture has: who shows what, and what is rare."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kernels.errors import UserError
from trainer import talk
from trainer.data import Dataset, Pair, refuse_strays
from trainer.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Census:
    """Pixel counts [pairs, classes] of the training split."""

    counts: NDArray[np.int64]

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """(pair, class): a class drawn from all alike, and a picture that shows it."""
        shown = int(rng.choice(np.flatnonzero(self.counts.any(0))))
        return int(rng.choice(np.flatnonzero(self.counts[:, shown]))), shown

    def weights(self) -> Tensor:
        """Median frequency / frequency of each class (Eigen and Fergus, ICCV 2015).

        A class's frequency is its share of the pixels of the pictures that show it. A class that is
        nowhere weighs 1.
        """
        pixels = self.counts.sum(1, keepdims=True)
        seen = ((self.counts > 0) * pixels).sum(0)
        total = self.counts.sum(0)
        frequency = total / np.maximum(seen, 1)
        there = total > 0
        weights = np.ones(len(total))
        weights[there] = np.median(frequency[there]) / frequency[there]
        return torch.from_numpy(weights.astype(np.float32))


def census(recipe: Recipe, dataset: Dataset) -> Census | None:
    """The counts, where `recipe` asks for something that they decide."""
    if not recipe.class_uniform and recipe.class_weights == "none":
        return None
    pairs = dataset.split("train")
    counted = Census(counts=_counts(pairs, dataset))
    if not counted.counts.any():
        raise UserError("the training masks are void throughout", hint="number the classes 0, 1, 2")
    return counted


def _counts(pairs: Sequence[Pair], dataset: Dataset) -> NDArray[np.int64]:
    classes = len(dataset.classes)

    def of(pair: Pair) -> NDArray[np.int64]:
        labels = pair.decode(pair.mask)
        refuse_strays(labels, pair.mask, classes, dataset.ignore)
        known = labels[labels != dataset.ignore]
        return np.bincount(known, minlength=classes)

    with ThreadPoolExecutor() as pool:
        return np.stack(
            list(talk.track(pool.map(of, pairs), "counting the classes' pixels", len(pairs)))
        )
