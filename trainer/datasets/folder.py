"""`folder:DIR`: images/<split>/NAME.jpg with masks/<split>/NAME.png, and a classes.json.

Splits are train, val and test; only train is a must. Masks are index PNGs (grey or palette).
classes.json is a list of names, or {"classes": [names or {"name", "color"}], "ignore": 255};
without it the classes are numbered from the masks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.contract import Colour, check_meaning
from kernels.errors import UserError, about
from trainer import data, talk
from trainer.data import Dataset, Pair
from trainer.palette import default_palette

SPLITS = ("train", "val", "test")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
LAYOUT = "expected images/train/NAME.jpg beside masks/train/NAME.png (also val/ and test/)"
IGNORE = 255


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the numbers in the masks stand for."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore: int


def load(where: str) -> Dataset:
    """The data set in folder `where`, every pair of it looked at."""
    dataset = listed(where)
    data.check(dataset)
    return dataset


def listed(where: str) -> Dataset:
    """The same, its pairs not looked at."""
    if not where:
        raise UserError("--data folder wants a place", hint=f"folder:DIR; {LAYOUT}")
    root = Path(where)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", hint=LAYOUT)
    splits = {split: pairs(root, split) for split in SPLITS if (root / "images" / split).is_dir()}
    if not splits.get("train"):
        raise UserError(f"{root}: no JPEG, PNG or WebP pictures in images/train", hint=LAYOUT)
    for split in set(SPLITS) - splits.keys():
        talk.say(f"note: no images/{split} in {root}: nothing is scored on it")
    meaning = _meaning(root, splits)
    with about(root / "classes.json"):
        check_meaning(meaning.classes, meaning.palette, meaning.ignore)
    return Dataset(
        classes=meaning.classes, palette=meaning.palette, ignore=meaning.ignore, splits=splits
    )


def pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of one split, by name, whether or not the masks are there."""
    folder = root / "images" / split
    try:
        pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
    masks = root / "masks" / split
    return [Pair(picture=picture, mask=masks / f"{picture.stem}.png") for picture in pictures]


def _meaning(root: Path, splits: Mapping[str, Sequence[Pair]]) -> Meaning:
    path = root / "classes.json"
    if not path.exists():
        return _numbered(splits)
    try:
        return _listed(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise UserError(
            f"{path}: not a list of classes ({error})",
            hint='write ["road", "tree", ...], or {"classes": [{"name": "road", '
            '"color": [128, 64, 128]}, ...], "ignore": 255}',
        ) from None


def _listed(content: Any) -> Meaning:
    """The meaning of a classes.json: names and colours in the order of their ids."""
    whole = content if isinstance(content, dict) else {"classes": content}
    if not isinstance(whole["classes"], list):
        raise TypeError("the classes are no list")
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in whole["classes"]]
    ids = [entry.get("id", position) for position, entry in enumerate(entries)]
    if sorted(ids) != list(range(len(entries))):
        raise ValueError(f"ids must run from 0 to {len(entries) - 1} without a gap")
    entries = [entries[ids.index(position)] for position in range(len(entries))]
    spare = default_palette(len(entries))
    ignore: Any = whole.get("ignore", whole.get("ignore_index", IGNORE))
    ignore = ignore["value"] if isinstance(ignore, dict) else ignore
    if not isinstance(ignore, int):
        raise TypeError(f"ignore {ignore!r} is no whole number")
    return Meaning(
        classes=tuple(entry["name"] for entry in entries),
        palette=tuple(_colour(e.get("color"), spare[i]) for i, e in enumerate(entries)),
        ignore=ignore,
    )


def _colour(given: Any, spare: Colour) -> Colour:
    if given is None:
        return spare
    red, green, blue = given
    return red, green, blue


def _numbered(splits: Mapping[str, Sequence[Pair]]) -> Meaning:
    """Classes named by their numbers, as many as the masks use."""
    masks = [pair.mask for split in splits.values() for pair in split]
    highest = -1
    for mask in talk.track(masks, "looking for classes", len(masks)):
        labels = data.read_mask(mask)
        used = labels[labels != IGNORE]
        highest = max(highest, int(used.max()) if used.size else -1)
    if highest < 1:
        raise UserError(
            f"the masks use {'one class' if highest == 0 else 'no class'} besides void ({IGNORE})",
            hint=f"{IGNORE} means 'not labelled': number the classes 0, 1, 2, ...",
        )
    talk.say(f"no classes.json: classes are numbered 0 to {highest}, {IGNORE} is void")
    names = tuple(f"class {index}" for index in range(highest + 1))
    return Meaning(classes=names, palette=default_palette(len(names)), ignore=IGNORE)
