"""`voc:DIR`: JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/train.txt; 21 classes.

Train is trainaug.txt, or train.txt and aug.txt together, or train.txt, or trainval.txt. A mask that
is not in SegmentationClass/ may lie in SegmentationClassAug/. Where a labelmap.txt lies in DIR, as
in CVAT's exports, it names the classes and their colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kernels.contract import Colour
from trainer import lists, meaning, talk
from trainer.data import Dataset, Pair
from trainer.layout import PICTURES, Layout
from trainer.lists import Line
from trainer.masks import VOID, Coded, Decode
from trainer.meaning import Meaning

TREE = (
    "JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/{train,val}.txt "
    "(a NAME a line)"
)
LISTS = "ImageSets/Segmentation"
MASKS = ("SegmentationClass", "SegmentationClassAug")
# The first lists that are all there are the split. `default` is CVAT's.
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "train": (
        *(("trainaug",), ("train_aug",), ("train", "aug"), ("train",)),
        *(("aug",), ("trainval",), ("default",)),
    ),
    "val": (("val",),),
    "test": (("test",),),
}
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip


def load(where: str) -> Dataset:
    """The splits that the lists tell."""
    layout = Layout.at("voc", where, TREE)
    for folder in ("JPEGImages", LISTS):
        layout.file(folder)
    layout.file(*MASKS)
    told = meaning.read(layout.root) or _published()
    splits = {}
    for split, choices in SPLITS.items():
        paths = next((p for names in choices if (p := _lists(layout, names))), [])
        if paths:
            splits[split] = _pairs(layout, paths, told.decode)
            told_lists = " and ".join(path.name for path in paths)
            talk.say(f"{split} is {told_lists}: {len(splits[split])} pictures")
    if "train" not in splits:
        raise layout.missing("train.txt", layout.root / LISTS)
    return layout.dataset(told.classes, told.palette, _labelled(layout, splits), ignore=told.ignore)


def colour(label: int) -> Colour:
    """VOC's colour of a label: its bits, three at a time, from the highest bit of a colour down."""
    parts = [0, 0, 0]
    for place in range(8):
        for part in range(3):
            parts[part] |= (label >> (3 * place + part) & 1) << (7 - place)
    return parts[0], parts[1], parts[2]


def _published() -> Meaning:
    palette = tuple(colour(label) for label in range(len(CLASSES)))
    return Meaning(
        classes=CLASSES,
        palette=palette,
        ignore=VOID,
        decode=Coded(
            numbers={VOID: VOID} | {label: label for label in range(len(CLASSES))},
            colours={rgb: label for label, rgb in enumerate(palette)} | {colour(VOID): VOID},
        ),
    )


def _lists(layout: Layout, names: tuple[str, ...]) -> list[Path]:
    """These lists, or none of them."""
    paths = [layout.root / LISTS / f"{name}.txt" for name in names]
    return paths if all(path.is_file() for path in paths) else []


def _pairs(layout: Layout, paths: list[Path], decode: Decode) -> list[Pair]:
    pairs = [_pair(layout, line, decode) for path in paths for line in lists.read(path)]
    return list({pair.picture: pair for pair in pairs}.values())


def _pair(layout: Layout, line: Line, decode: Decode) -> Pair:
    """The pair of a NAME, or the picture and mask that lists of the augmented set write."""
    picture = line.file(line.words[0], layout.root / "JPEGImages", ("", *PICTURES))
    if len(line.words) == 2:
        return Pair(picture=picture, mask=line.file(line.words[1], layout.root), decode=decode)
    masks = [layout.root / folder / f"{picture.stem}.png" for folder in MASKS]
    mask = next((mask for mask in masks if mask.is_file()), masks[0])
    return Pair(picture=picture, mask=mask, decode=decode)


def _labelled(layout: Layout, splits: Mapping[str, list[Pair]]) -> dict[str, list[Pair]]:
    """The splits whose masks are there; VOC publishes none for test."""
    kept = {}
    for split, pairs in splits.items():
        lacking = [pair for pair in pairs if not pair.mask.is_file()]
        if split == "test" and len(lacking) == len(pairs):
            talk.say("note: none of the test pictures has a mask: the split is left out")
            continue
        layout.refuse_lacking(pairs)
        kept[split] = pairs
    return kept
