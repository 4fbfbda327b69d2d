"""Looks at pairs before any training, so that no mistake surfaces hours later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernels.errors import UserError
from trainer import talk
from trainer.data import Dataset, Pair, orientation, refuse_strays, spaced


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one pair showed."""

    labels: set[int]
    turned: Path | None


def check(dataset: Dataset, *, most: int | None = None) -> None:
    """Read every pair, or `most` of each split; what is wrong with one is an error."""
    refuse_leaks(dataset)
    pairs = [p for split in dataset.splits.values() for p in spaced(split, most)]
    with ThreadPoolExecutor() as pool:
        looks = pool.map(lambda pair: _look(pair, dataset), pairs)
        seen = list(talk.track(looks, "checking pictures and masks", len(pairs)))
    total = sum(len(split) for split in dataset.splits.values())
    if len(pairs) < total:
        talk.say(f"looked into {len(pairs)} of {total} pairs; the rest is checked as it is read")
    used = set[int]().union(*(one.labels for one in seen)) - {dataset.ignore}
    _check_variety(used, dataset, whole=len(pairs) == total)
    _tell_of_turned([one.turned for one in seen if one.turned])


def refuse_leaks(dataset: Dataset) -> None:
    """Raise where a picture is in two splits: what was learned by heart would be scored."""
    named: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for split, pairs in dataset.splits.items():
        for pair in pairs:
            named[pair.picture.stem].append((split, pair.picture))
    for places in named.values():
        for index, (split, path) in enumerate(places):
            for other_split, other in places[:index]:
                if split != other_split and _same(path, other):
                    raise UserError(
                        f"{path} is in the split {split} and, as {other}, in {other_split}",
                        hint="a picture belongs to one split: take it out of the others",
                    )


def _same(one: Path, other: Path) -> bool:
    try:
        if one == other or one.samefile(other):
            return True
        same_size = one.stat().st_size == other.stat().st_size
        return same_size and one.read_bytes() == other.read_bytes()
    except OSError as error:
        raise UserError(f"{one}: cannot be read ({error.strerror})") from None


def _look(pair: Pair, dataset: Dataset) -> Seen:
    """The labels a pair uses; what is wrong with it is an error."""
    sample = pair.read()
    refuse_strays(sample.labels, pair.mask, len(dataset.classes), dataset.ignore)
    return Seen(
        labels=set(np.unique(sample.labels).tolist()),
        turned=pair.picture if orientation(pair.picture) != 1 else None,
    )


def _check_variety(used: set[int], dataset: Dataset, *, whole: bool) -> None:
    """Refuse masks that teach nothing, and name the classes that they never show."""
    absent = [name for index, name in enumerate(dataset.classes) if index not in used]
    if len(used) < 2:
        raise UserError(
            f"the masks use {len(used)} class besides void ({dataset.ignore}), of "
            f"{len(dataset.classes)}",
            hint="masks hold class numbers 0, 1, 2, ...; in masks of 0 and 255 the 255 means void",
        )
    if absent and whole:
        start = 0 not in used and used == set(range(1, len(used) + 1))
        doubt = "; do the numbers in the masks start at 1?" if start else ""
        talk.say(f"note: no mask shows {', '.join(absent)}{doubt}")


def _tell_of_turned(pictures: Sequence[Path]) -> None:
    if pictures:
        talk.say(
            f"note: pictures turned by their EXIF tag: {len(pictures)} (first {pictures[0]}); "
            "their masks must be of the turned picture"
        )
