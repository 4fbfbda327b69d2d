"""Looks at one pair: what is wrong with it and, where nothing is, its numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.errors import UserError
from kernels.paint import Mask
from trainer.data import Dataset, MisfitError, Pair, Sample, orientation
from trainer.doctor.finding import ERROR, WARNING, Finding, Place
from trainer.doctor.narrow import SIDES, narrow
from trainer.score import Counts

UPRIGHT = 1
THUMBNAIL = 16
# Below this spread of grey a thumbnail has nothing to tell one picture from another.
FLAT = 4.0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen of one pair; what could not be seen is None."""

    split: str
    pair: Pair
    findings: tuple[Finding, ...]
    labels: frozenset[int] = frozenset()  # every number its mask uses
    size: tuple[int, int] | None = None
    digest: bytes | None = None  # of the picture file
    thumbnail: NDArray[np.float32] | None = None  # grey, mean 0, length 1; None where it is flat
    # Of a pair without errors alone.
    pixels: Counts | None = None  # [C + 1] by class, void last
    narrow: Counts | None = None  # [sides, C] those of `pixels` narrower than the side


def look(pair: Pair, split: str, dataset: Dataset) -> tuple[Look, Sample | None]:
    """One pair and, where it has no errors, what was read of it."""
    try:
        sample = pair.read()
        findings = (*_strays(pair, sample, dataset), *_turned(pair))
    except UserError as error:
        return Look(split=split, pair=pair, findings=(_unreadable(pair, error),)), None
    sound = all(found.severity != ERROR for found in findings)
    seen: dict[str, Any] = _numbers(sample.labels, dataset) if sound else {}
    told = Look(
        split=split,
        pair=pair,
        findings=findings,
        labels=frozenset(np.flatnonzero(np.bincount(sample.labels.ravel())).tolist()),
        size=(sample.picture.shape[0], sample.picture.shape[1]),
        digest=hashlib.blake2b(pair.picture.read_bytes(), digest_size=16).digest(),
        thumbnail=_thumbnail(sample.picture),
        **seen,
    )
    return told, sample if sound else None


def _unreadable(pair: Pair, error: UserError) -> Finding:
    """The first thing that kept a pair from being read; its message begins with the file."""
    what, faulty, detail = "pairs that cannot be read", pair.picture, error.message
    if error.message.startswith(f"{pair.picture}: "):
        what, detail = "pictures that cannot be read", error.message.removeprefix(f"{faulty}: ")
    elif error.message.startswith(f"{pair.mask}: "):
        what, faulty = "masks that cannot be used", pair.mask
        detail = error.message.removeprefix(f"{faulty}: ")
        if isinstance(error, MisfitError):
            what = "masks of another size than their pictures"
        if not faulty.exists():
            what, detail = "masks that are missing", ""
    place = Place(path=faulty, detail=detail)
    return Finding(severity=ERROR, what=what, places=(place,), hint=error.hint)


def _strays(pair: Pair, sample: Sample, dataset: Dataset) -> list[Finding]:
    classes, labels = len(dataset.classes), sample.labels
    strays = np.unique(labels[(labels >= classes) & (labels != dataset.ignore)]).tolist()
    if not strays:
        return []
    hint = "correct the masks, or name more classes"
    if strays == [classes] and not (labels == 0).any():
        hint = "the numbers seem to start at 1: subtract 1 from the masks (void stays as it is)"
    told = ", ".join(map(str, strays[:5])) + (", ..." if len(strays) > 5 else "")
    return [
        Finding(
            severity=ERROR,
            what=f"numbers that are neither a class (0 to {classes - 1}) nor void "
            f"({dataset.ignore})",
            places=(Place(path=pair.mask, detail=told),),
            hint=hint,
        )
    ]


def _turned(pair: Pair) -> list[Finding]:
    turn = orientation(pair.picture)
    if turn == UPRIGHT:
        return []
    return [
        Finding(
            severity=WARNING,
            what="photos that their EXIF tag turns",
            places=(Place(path=pair.picture, detail=f"orientation {turn}"),),
            hint="they are read upright: see in the contact sheet that their masks are upright too",
        )
    ]


def _numbers(labels: Mask, dataset: Dataset) -> dict[str, Counts]:
    """`pixels` and `narrow` of a mask without strays."""
    classes = len(dataset.classes)
    known = np.where(labels == dataset.ignore, classes, labels)

    def count(chosen: NDArray[Any]) -> Counts:
        return np.bincount(chosen, minlength=classes + 1)

    thin = [count(known[narrow(labels, side)])[:classes] for side in SIDES]
    return {"pixels": count(known.ravel()), "narrow": np.stack(thin)}


def _thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    grey = Image.fromarray(picture).convert("L")
    small = grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    values = np.asarray(small, np.float32).ravel()
    values = values - values.mean()
    return None if values.std() < FLAT else values / np.linalg.norm(values)
