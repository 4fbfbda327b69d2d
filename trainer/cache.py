"""Keeps decoded pictures on disk, so that a step reads bytes instead of decoding JPEG and PNG.

Where the network needs the cores itself, decoding is what a training loop waits for. Decoded files
are large (a pixel is four bytes), so that nobody gets a cache without asking.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError
from kernels.publish import published
from trainer import talk
from trainer.data import Dataset, Pair, Sample
from trainer.masks import Decode

# Raised when decoding changes, so that nothing decoded otherwise is read.
FORMAT = 1


class Cache:
    """A folder of decoded samples; where it cannot be written training goes on without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_writable = True
        self._telling = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"--cache {folder}: cannot be made ({error.strerror})", hint="choose another place"
            ) from None

    def read(self, pair: Pair) -> Sample:
        """The sample as it was decoded once, or is decoded now."""
        name = self.folder / _key(pair)
        try:
            picture, labels = (np.load(place) for place in _places(name))
        # ValueError and EOFError: damaged, by a disk or a hand; it is decoded and written anew.
        except (OSError, ValueError, EOFError):
            sample = pair.read()
            self._keep(sample, name)
            return sample
        return Sample(name=pair.picture.stem, picture=picture, labels=labels)

    def _keep(self, sample: Sample, name: Path) -> None:
        if not self.is_writable:
            return
        try:
            for place, content in zip(_places(name), (sample.picture, sample.labels), strict=True):
                _write(content, place)
        except UserError as error:
            self._give_up(error)

    def _give_up(self, error: UserError) -> None:
        """Once: a full disk is no reason to stop, nor to say so for every picture."""
        with self._telling:
            if self.is_writable:
                talk.say(f"note: the cache grows no more: {error.message}")
            self.is_writable = False


@dataclass(frozen=True, kw_only=True)
class CachedPair(Pair):
    """A pair that is decoded once."""

    cache: Cache = field(repr=False, compare=False)

    def read(self) -> Sample:
        """From the cache, where it is there."""
        return self.cache.read(_plain(self))


def cached(dataset: Dataset, folder: Path) -> Dataset:
    """The data set with its training split read by way of `folder`."""
    cache = Cache(folder)
    pairs = [CachedPair(**vars(pair), cache=cache) for pair in dataset.split("train")]
    return replace(dataset, splits={**dataset.splits, "train": pairs})


def _plain(pair: CachedPair) -> Pair:
    facts = {name: value for name, value in vars(pair).items() if name != "cache"}
    return Pair(**facts)


def _key(pair: Pair) -> str:
    """Changes with the files and with how they are read."""
    facts: list[Any] = [FORMAT, pair.turn_mask, _told(pair.decode)]
    for path in (pair.picture, pair.mask):
        try:
            told = path.stat()
        except OSError:
            # What is wrong with it is said where it is read.
            continue
        facts += [str(path.resolve()), told.st_size, told.st_mtime_ns]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def _told(decode: Decode) -> str:
    """How masks become labels, in words that are the same in every process."""
    if isinstance(decode, FunctionType):
        return f"{decode.__module__}.{decode.__qualname__}"
    return repr(decode)


def _places(name: Path) -> tuple[Path, Path]:
    return name.with_suffix(".picture.npy"), name.with_suffix(".labels.npy")


def _write(content: NDArray[Any], place: Path) -> None:
    with published(place) as draft, draft.open("wb") as file:
        np.save(file, content)
