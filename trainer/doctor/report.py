"""Examines a data set: every pair looked at, every fault collected, nothing stops at the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels import threads
from kernels.errors import UserError
from trainer import catalog, data, talk
from trainer.data import Dataset, Pair
from trainer.doctor import numbers
from trainer.doctor.ceiling import RULE, Ceiling, ceilings, measured, recommended
from trainer.doctor.finding import ERROR, Finding, merged
from trainer.doctor.look import Look, look
from trainer.doctor.twins import twins
from trainer.doctor.whole import whole
from trainer.score import Counts

NOTHING = Dataset(classes=(), palette=(), ignore=0, splits={})


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that the doctor has to say."""

    data: str
    dataset: Dataset
    looks: tuple[Look, ...]
    findings: tuple[Finding, ...]
    # From the first to the smallest factor; none where no pair is sound.
    ceilings: tuple[Ceiling, ...]
    measured: int  # on how many pairs

    @property
    def has_errors(self) -> bool:
        """Whether anything would stop training or make its score a lie."""
        return any(found.severity == ERROR for found in self.findings)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        advice = {"factor": str(recommended(self.ceilings)), "rule": RULE}
        return {
            "data": self.data,
            "pairs": len(self.looks),
            "findings": [found.plain() for found in self.findings],
            "splits": [split.plain() for split in numbers.splits(self.looks, self.dataset)],
            "classes": [each.plain() for each in numbers.classes(self.looks, self.dataset)],
            "ceilings": [ceiling.plain() for ceiling in self.ceilings],
            "ceilings_measured_on": self.measured,
            "recommended": advice if self.ceilings else None,
        }


def examine(spec: str, most: int | None = None) -> Report:
    """The report on the data of `--data`; ceilings on `most` pairs, evenly spread, or on all."""
    try:
        dataset = data.listed(spec)
    except UserError as error:
        if spec.partition(":")[0] not in catalog.names("datasets"):
            raise
        return _unlisted(spec, error)
    looks, total, count = _examined(dataset, most)
    found = [finding for look in looks for finding in look.findings]
    return Report(
        data=spec,
        dataset=dataset,
        looks=looks,
        findings=merged([*found, *twins(looks), *whole(looks, dataset)]),
        ceilings=() if total is None else ceilings(total, dataset.classes),
        measured=count,
    )


def _unlisted(spec: str, error: UserError) -> Report:
    """What is left to say where the data set does not even tell its pairs."""
    found = Finding(severity=ERROR, what=error.message, hint=error.hint)
    return Report(data=spec, dataset=NOTHING, looks=(), findings=(found,), ceilings=(), measured=0)


def _examined(dataset: Dataset, most: int | None) -> tuple[tuple[Look, ...], Counts | None, int]:
    """Every look, and the added up ceilings with the number of pairs they were measured on."""
    pairs = [(split, pair) for split, listed in dataset.splits.items() for pair in listed]
    chosen = _spread(len(pairs), most)
    looks: list[Look] = []
    total: Counts | None = None
    count = 0
    for seen, counts in talk.track(_seen(pairs, dataset, chosen), "looking", len(pairs)):
        looks.append(seen)
        if counts is not None:
            total = counts if total is None else total + counts
            count += 1
    return tuple(looks), total, count


def _seen(
    pairs: Sequence[tuple[str, Pair]], dataset: Dataset, chosen: set[int]
) -> Iterator[tuple[Look, Counts | None]]:
    def one(index: int) -> tuple[Look, Counts | None]:
        split, pair = pairs[index]
        seen, sample = look(pair, split, dataset)
        if sample is None or index not in chosen:
            return seen, None
        return seen, measured(sample.labels, len(dataset.classes), dataset.ignore)

    with ThreadPoolExecutor(threads.count(), thread_name_prefix="doctor") as pool:
        yield from pool.map(one, range(len(pairs)))


def _spread(count: int, most: int | None) -> set[int]:
    """At most `most` of `count` places, evenly spread."""
    if most is None or most >= count:
        return set(range(count))
    return {int(place) for place in np.linspace(0, count - 1, most).round()}
