"""Finds what no pair shows alone: classes that are missing, too much void, masks left over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.data import Dataset
from trainer.doctor.finding import ERROR, NOTE, WARNING, Finding, Place
from trainer.doctor.look import Look

MUCH_VOID = 0.5
SCORED_ON = ("val", "test")


def whole(looks: Sequence[Look], dataset: Dataset) -> Iterator[Finding]:
    """The findings on the data set as such."""
    yield from _splits(dataset)
    yield from _variety(looks, dataset)
    yield from _classes(looks, dataset)
    yield from _void(looks)
    yield from _left_over(looks)


def _splits(dataset: Dataset) -> Iterator[Finding]:
    if not any(dataset.splits.get(name) for name in SCORED_ON):
        yield Finding(
            severity=WARNING,
            what="there is neither a val nor a test split",
            hint="keep some pairs apart: without them nothing is scored",
        )


def _variety(looks: Sequence[Look], dataset: Dataset) -> Iterator[Finding]:
    used = frozenset[int]().union(*(look.labels for look in looks))
    masks = [look for look in looks if look.labels]
    if masks and len(used - {dataset.ignore}) < 2:
        numbers = ", ".join(map(str, sorted(used)))
        yield Finding(
            severity=ERROR,
            what=f"the masks hold {numbers} and nothing else: fewer than two classes "
            f"besides void ({dataset.ignore})",
            hint="masks hold class numbers 0, 1, 2, ...; in masks of 0 and 255 the 255 means void: "
            "write 1 instead",
        )


def _classes(looks: Sequence[Look], dataset: Dataset) -> Iterator[Finding]:
    """Classes that cannot be learned, and those that cannot be scored."""
    shown = {split: _shown(looks, split) for split in dataset.splits}
    learned = shown.get("train", frozenset())
    scored = frozenset[int]().union(*(shown.get(split, ()) for split in SCORED_ON))
    every = range(len(dataset.classes))

    def names(chosen: Sequence[int]) -> str:
        return ", ".join(dataset.classes[index] for index in chosen)

    never = [index for index in every if index not in learned and index not in scored]
    unseen = [index for index in every if index in scored and index not in learned]
    unscored = [index for index in every if index in learned and index not in scored]
    if never:
        yield Finding(
            severity=WARNING,
            what=f"no mask shows {names(never)}",
            hint="take the class out of the list, or look for what its number became",
        )
    if unseen:
        yield Finding(
            severity=WARNING,
            what=f"{names(unseen)} is scored but never in train",
            hint="it cannot be learned: move some of its pictures to train",
        )
    if unscored and any(shown.get(split) for split in SCORED_ON):
        yield Finding(
            severity=NOTE,
            what=f"{names(unscored)} is in train alone",
            hint="no score will say how well it is learned",
        )


def _shown(looks: Sequence[Look], split: str) -> frozenset[int]:
    return frozenset[int]().union(*(look.labels for look in looks if look.split == split))


def _void(looks: Sequence[Look]) -> Iterator[Finding]:
    shares = [
        (look, int(look.pixels[-1]) / int(look.pixels.sum()))
        for look in looks
        if look.pixels is not None
    ]
    empty = tuple(Place(path=look.pair.mask) for look, share in shares if share == 1)
    much = tuple(
        Place(path=look.pair.mask, detail=f"{100 * share:.0f} % void")
        for look, share in shares
        if MUCH_VOID < share < 1
    )
    for what, places in (
        ("masks of nothing but void", empty),
        (f"masks that are void by more than {100 * MUCH_VOID:.0f} %", much),
    ):
        if places:
            yield Finding(
                severity=WARNING,
                what=what,
                places=places,
                hint="void is neither learned nor scored: label more of them, or leave them out",
            )


def _left_over(looks: Sequence[Look]) -> Iterator[Finding]:
    """Mask files without a picture, in folders where both have the same names."""
    taken: dict[Path, set[str]] = {}
    for look in looks:
        if look.pair.mask.stem == look.pair.picture.stem:
            taken.setdefault(look.pair.mask.parent, set()).add(look.pair.mask.name)
    spare = tuple(
        Place(path=path)
        for folder, names in taken.items()
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.name not in names and path.suffix in {Path(name).suffix for name in names}
    )
    if spare:
        yield Finding(
            severity=WARNING,
            what="masks without a picture",
            places=spare,
            hint="add the pictures, or take the masks away: they are not used",
        )
