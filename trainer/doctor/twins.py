"""Finds pictures that are there twice, for a picture in two splits makes the score a lie."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.doctor.finding import ERROR, NOTE, WARNING, Finding, Place
from trainer.doctor.look import Look

# Correlation of two grey thumbnails: a picture saved anew has 0.999, two views of towns 0.94.
ALIKE = 0.99
ROWS = 1024


def twins(looks: Sequence[Look]) -> Iterator[Finding]:
    """The same file, nearly the same picture, and the same name, in this order of certainty."""
    same = [group for group in _groups(looks, [look.digest for look in looks]) if group]
    yield from _same(same)
    known = {_couple(a, b) for group in same for a in group for b in group}
    alike = [couple for couple in _alike(looks) if _couple(*couple) not in known]
    if alike:
        yield Finding(
            severity=WARNING,
            what="pictures that look almost alike in two splits",
            places=tuple(_place(a, b) for a, b in alike),
            hint="frames of one video or copies: keep each scene in one split",
        )
    known |= {_couple(*couple) for couple in alike}
    yield from _namesakes(looks, known)


def _same(groups: Sequence[Sequence[Look]]) -> Iterator[Finding]:
    crossing = [group for group in groups if len({look.split for look in group}) > 1]
    if crossing:
        yield Finding(
            severity=ERROR,
            what="the same picture in two splits",
            places=tuple(_place(group[0], other) for group in crossing for other in group[1:]),
            hint="take it out of all but one: a score on what was learned says nothing",
        )
    inside = [group for group in groups if len({look.split for look in group}) == 1]
    if inside:
        yield Finding(
            severity=WARNING,
            what="the same picture twice in one split",
            places=tuple(_place(group[0], other) for group in inside for other in group[1:]),
            hint="take the copies away, or see that their masks agree",
        )


def _namesakes(looks: Sequence[Look], known: set[frozenset[str]]) -> Iterator[Finding]:
    # Bare numbers are counted from zero in every split of many a data set.
    stems = [look.pair.picture.stem for look in looks]
    named = [None if re.fullmatch(r"\d+", stem) else stem for stem in stems]
    couples = [
        (group[0], other)
        for group in _groups(looks, named)
        for other in group[1:]
        if other.split != group[0].split and _couple(group[0], other) not in known
    ]
    if couples:
        yield Finding(
            severity=NOTE,
            what="different pictures of the same name in two splits",
            places=tuple(_place(a, b) for a, b in couples),
            hint="see that they are no frames of one scene",
        )


def _alike(looks: Sequence[Look]) -> Iterator[tuple[Look, Look]]:
    """For each picture with a near-twin in another, earlier split: the nearest of these."""
    by_split: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        if look.thumbnail is not None:
            by_split[look.split].append(look)
    splits = list(by_split.values())
    for later in range(1, len(splits)):
        earlier = [look for split in splits[:later] for look in split]
        against = _stacked(earlier)
        for start in range(0, len(splits[later]), ROWS):
            rows = splits[later][start : start + ROWS]
            likeness = _stacked(rows) @ against.T
            for row, nearest in enumerate(likeness.argmax(1)):
                if likeness[row, nearest] >= ALIKE:
                    yield earlier[nearest], rows[row]


def _stacked(looks: Iterable[Look]) -> NDArray[np.float32]:
    return np.stack([look.thumbnail for look in looks if look.thumbnail is not None])


def _groups(looks: Sequence[Look], keys: Iterable[Hashable]) -> list[list[Look]]:
    """The looks that share a key, where more than one do; None is no key."""
    groups: dict[Hashable, list[Look]] = defaultdict(list)
    for look, key in zip(looks, keys, strict=True):
        if key is not None:
            groups[key].append(look)
    return [group for group in groups.values() if len(group) > 1]


def _couple(a: Look, b: Look) -> frozenset[str]:
    return frozenset((str(a.pair.picture), str(b.pair.picture)))


def _place(first: Look, other: Look) -> Place:
    told = f"as {first.split}/{first.pair.picture.name}"
    return Place(path=other.pair.picture, detail=told)
