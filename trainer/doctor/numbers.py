"""The numbers of a data set: sizes and void of each split, how often and how thin each class is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trainer.data import Dataset
from trainer.doctor.look import Look
from trainer.doctor.narrow import SIDES

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class SplitNumbers:
    """One split; `void` is a share of its pixels, over the sound pairs."""

    name: str
    pairs: int
    sound: int
    sizes: int  # how many different ones
    smallest: Size | None
    median: Size | None
    largest: Size | None
    void: float | None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ClassNumbers:
    """One class: its shares of the labelled pixels and the pictures that show it, by split."""

    name: str
    pixels: dict[str, float]
    pictures: dict[str, int]
    # Side in pixels -> share of the class's pixels in structures narrower than that.
    narrow: dict[int, float]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def splits(looks: Sequence[Look], dataset: Dataset) -> tuple[SplitNumbers, ...]:
    """The numbers of every split, in the data set's order."""
    return tuple(
        _split(name, [look for look in looks if look.split == name]) for name in dataset.splits
    )


def _split(name: str, looks: Sequence[Look]) -> SplitNumbers:
    sizes = sorted((look.size for look in looks if look.size), key=lambda size: size[0] * size[1])
    counts = [look.pixels for look in looks if look.pixels is not None]
    return SplitNumbers(
        name=name,
        pairs=len(looks),
        sound=len(counts),
        sizes=len(set(sizes)),
        smallest=sizes[0] if sizes else None,
        median=sizes[len(sizes) // 2] if sizes else None,
        largest=sizes[-1] if sizes else None,
        void=float(np.sum(counts, 0)[-1] / np.sum(counts)) if counts else None,
    )


def classes(looks: Sequence[Look], dataset: Dataset) -> tuple[ClassNumbers, ...]:
    """The numbers of every class, over the sound pairs."""
    count, names = len(dataset.classes), [*dataset.splits]
    pixels, pictures = (np.zeros((len(names), count), np.int64) for _ in range(2))
    thin = np.zeros((len(SIDES), count), np.int64)
    for look in looks:
        if look.pixels is not None and look.narrow is not None:
            pixels[names.index(look.split)] += look.pixels[:-1]
            pictures[names.index(look.split)] += look.pixels[:-1] > 0
            thin += look.narrow
    shares = pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
    thin_shares = thin / np.maximum(pixels.sum(0), 1)
    return tuple(
        ClassNumbers(
            name=name,
            pixels=dict(zip(names, shares[:, index].tolist(), strict=True)),
            pictures=dict(zip(names, pictures[:, index].tolist(), strict=True)),
            narrow=dict(zip(SIDES, thin_shares[:, index].tolist(), strict=True)),
        )
        for index, name in enumerate(dataset.classes)
    )
