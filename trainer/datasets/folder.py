"""`folder:DIR`: images/<split>/NAME.jpg with masks/<split>/NAME.png, and a classes.json.

Splits are train, val and test; only train is a must. Masks are index PNGs (grey or palette).
classes.json is a list of names, or {"classes": [names or {"name", "color"}], "ignore": 255};
without it the classes are numbered from the masks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernels.contract import Colour
from kernels.errors import UserError
from trainer import data, talk
from trainer.data import Dataset, Pair
from trainer.palette import default_palette

SPLITS = ("train", "val", "test")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
LAYOUT = "expected images/train/NAME.jpg beside masks/train/NAME.png (also val/ and test/)"
IGNORE = 255


def load(where: str) -> Dataset:
    """The data set in folder `where`, every pair of it looked at."""
    if not where:
        raise UserError("--data folder wants a place", hint=f"folder:DIR; {LAYOUT}")
    root = Path(where)
    splits = {split: pairs(root, split) for split in SPLITS if (root / "images" / split).is_dir()}
    if not splits.get("train"):
        raise UserError(f"{root}: no pictures in images/train", hint=LAYOUT)
    classes, palette, ignore = _meaning(root, splits)
    dataset = Dataset(classes=classes, palette=palette, ignore=ignore, splits=splits)
    data.check(dataset)
    return dataset


def pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of one split, by name; a picture without a mask is an error."""
    pictures = sorted(
        p for p in (root / "images" / split).iterdir() if p.suffix.lower() in PICTURES
    )
    return [Pair(picture=picture, mask=_mask_of(root, split, picture)) for picture in pictures]


def _mask_of(root: Path, split: str, picture: Path) -> Path:
    mask = root / "masks" / split / f"{picture.stem}.png"
    if not mask.is_file():
        raise UserError(
            f"{picture}: its mask {mask} is missing", hint="add the mask, or take the picture away"
        )
    return mask


def _meaning(
    root: Path, splits: Mapping[str, Sequence[Pair]]
) -> tuple[tuple[str, ...], tuple[Colour, ...], int]:
    path = root / "classes.json"
    if not path.is_file():
        return _numbered(splits)
    try:
        return _listed(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: not a list of classes ({error})",
            hint='write ["road", "tree", ...], or {"classes": [{"name": "road", '
            '"color": [128, 64, 128]}, ...], "ignore": 255}',
        ) from None


def _listed(content: Any) -> tuple[tuple[str, ...], tuple[Colour, ...], int]:
    """The meaning of a classes.json: names and colours in the order of their ids."""
    whole = content if isinstance(content, dict) else {"classes": content}
    entries = [e if isinstance(e, dict) else {"name": str(e)} for e in whole["classes"]]
    ids = [entry.get("id", position) for position, entry in enumerate(entries)]
    if sorted(ids) != list(range(len(entries))):
        raise ValueError(f"ids must run from 0 to {len(entries) - 1} without a gap")
    entries = [
        entry for _, entry in sorted(zip(ids, entries, strict=True), key=lambda both: both[0])
    ]
    spare = default_palette(len(entries))
    palette = tuple(_colour(e.get("color"), spare[i]) for i, e in enumerate(entries))
    ignore: Any = whole.get("ignore", whole.get("ignore_index", IGNORE))
    ignore = ignore["value"] if isinstance(ignore, dict) else ignore
    return tuple(str(entry["name"]) for entry in entries), palette, int(ignore)


def _colour(given: Any, spare: Colour) -> Colour:
    if given is None:
        return spare
    red, green, blue = given
    return int(red), int(green), int(blue)


def _numbered(
    splits: Mapping[str, Sequence[Pair]],
) -> tuple[tuple[str, ...], tuple[Colour, ...], int]:
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
    return names, default_palette(len(names)), IGNORE
