"""`folder:DIR`: images/<split>/NAME.jpg with masks/<split>/NAME.png, and a classes.json.

Splits are train, val and test; only train is a must. In place of folders, lists may name the pairs
of a split: DIR/train.txt with a picture and its mask a line, or a NAME of images/ and masks/.

Masks are PNGs of class numbers (grey or palette), or of colours where each class has one.
classes.json is a list of names, or {"classes": [names or {"id", "name", "color"}], "ignore": 255};
with "ignore": 0 ids start at 1. CVAT's labelmap.txt does as well. Without either the classes are
numbered from the masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernels.errors import UserError
from trainer import lists, meaning, talk
from trainer.check import check
from trainer.data import Dataset, Pair
from trainer.layout import PICTURES, Layout
from trainer.lists import Line
from trainer.masks import VOID, Decode, read_mask
from trainer.meaning import Meaning
from trainer.palette import default_palette

SPLITS = ("train", "val", "test")
TREE = (
    "images/train/NAME.jpg beside masks/train/NAME.png (also val/ and test/); or train.txt with a "
    "picture and its mask a line"
)


def load(where: str) -> Dataset:
    """The data set in folder `where`, every pair of it looked at."""
    dataset = listed(where)
    check(dataset)
    return dataset


def listed(where: str) -> Dataset:
    """The same, its pairs not looked at."""
    layout = Layout.at("folder", where, TREE)
    told = meaning.read(layout.root)
    splits = _splits(layout, told.decode if told else read_mask)
    told = told or _numbered(splits)
    return Dataset(classes=told.classes, palette=told.palette, ignore=told.ignore, splits=splits)


def _splits(layout: Layout, decode: Decode) -> Mapping[str, Sequence[Pair]]:
    """The pairs of each split, from its folder or from its list."""
    root = layout.root
    foldered = any((root / "images" / split).is_dir() for split in SPLITS)
    place, read = ("images/{}", _foldered) if foldered else ("{}.txt", _listed)
    there = [split for split in SPLITS if (root / place.format(split)).exists()]
    splits = {split: read(root, split, decode) for split in there}
    if not splits.get("train"):
        raise layout.missing("JPEG, PNG or WebP pictures in images/train")
    for split in SPLITS:
        if split not in splits:
            missing = place.format(split)
            talk.say(f"note: no {missing} in {root}: nothing is scored on it")
    return splits


def _foldered(root: Path, split: str, decode: Decode) -> list[Pair]:
    """The pairs of one split, by name, whether or not the masks are there."""
    folder = root / "images" / split
    try:
        pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
    masks = root / "masks" / split
    return [Pair(picture=p, mask=masks / f"{p.stem}.png", decode=decode) for p in pictures]


def _listed(root: Path, split: str, decode: Decode) -> list[Pair]:
    """The pairs of one split, in the order of its list."""
    return [_pair_of(line, root, decode) for line in lists.read(root / f"{split}.txt")]


def _pair_of(line: Line, root: Path, decode: Decode) -> Pair:
    if len(line.words) == 1:
        picture = line.file(line.words[0], root / "images", ("", *PICTURES))
        if root / "images" not in picture.parents:
            raise line.error(
                f"{picture} lies outside of {root / 'images'}, so its mask is anywhere",
                hint="name the mask after the picture",
            )
        masks = root / "masks" / picture.relative_to(root / "images").parent
        return Pair(picture=picture, mask=masks / f"{picture.stem}.png", decode=decode)
    if len(line.words) != 2:
        raise line.error(
            f"{len(line.words)} words",
            hint="write a picture and its mask; a tab divides names that hold blanks",
        )
    picture, mask = (line.file(word, root) for word in line.words)
    if picture == mask:
        raise line.error(f"{picture} is both picture and mask", hint="name the mask second")
    return Pair(picture=picture, mask=mask, decode=decode)


def _numbered(splits: Mapping[str, Sequence[Pair]]) -> Meaning:
    """Classes named by their numbers, as many as the masks use."""
    masks = [pair.mask for split in splits.values() for pair in split]
    highest = -1
    for mask in talk.track(masks, "looking for classes", len(masks)):
        labels = read_mask(mask)
        used = labels[labels != VOID]
        highest = max(highest, int(used.max()) if used.size else -1)
    if highest < 1:
        raise UserError(
            f"the masks use {'one class' if highest == 0 else 'no class'} besides void ({VOID})",
            hint=f"{VOID} means 'not labelled': number the classes 0, 1, 2, ...",
        )
    talk.say(f"no classes.json: classes are numbered 0 to {highest}, {VOID} is void")
    names = tuple(f"class {index}" for index in range(highest + 1))
    return Meaning(classes=names, palette=default_palette(len(names)), ignore=VOID)
