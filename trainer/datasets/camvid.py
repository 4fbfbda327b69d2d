"""`camvid:DIR`: train/ with trainannot/ (and val, test), or 701_StillsRaw_full/ with its labels.

The first is the layout of SegNet, 11 classes and 11 for void; the second the original, whose 32
colours become the same 11 classes. The original has no splits: train.txt, val.txt and test.txt are
taken where they lie there, else the names tell the customary 367, 101 and 233.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kernels.contract import Colour
from kernels.errors import UserError
from trainer import lists, talk
from trainer.data import Dataset, Pair
from trainer.layout import PICTURES, Layout
from trainer.masks import VOID, Coded

SPLITS = ("train", "val", "test")
STILLS, LABELLED, LEGEND = "701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt"
TREE = (
    "train/NAME.png beside trainannot/NAME.png (also val, test); or "
    f"{STILLS}/NAME.png, {LABELLED}/NAME_L.png and {LEGEND}"
)

# Name, colour, and which of the 32 original classes it takes in, as in MathWorks' CamVid example.
CLASSES: tuple[tuple[str, Colour, tuple[str, ...]], ...] = (
    ("Sky", (128, 128, 128), ("Sky",)),
    ("Building", (128, 0, 0), ("Bridge", "Building", "Wall", "Tunnel", "Archway")),
    ("Pole", (192, 192, 128), ("Column_Pole", "TrafficCone")),
    ("Road", (128, 64, 128), ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv")),
    ("Pavement", (60, 40, 222), ("Sidewalk", "ParkingBlock", "RoadShoulder")),
    ("Tree", (128, 128, 0), ("Tree", "VegetationMisc")),
    ("SignSymbol", (192, 128, 128), ("SignSymbol", "Misc_Text", "TrafficLight")),
    ("Fence", (64, 64, 128), ("Fence",)),
    ("Car", (64, 0, 128), ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving")),
    ("Pedestrian", (64, 64, 0), ("Pedestrian", "Child", "CartLuggagePram", "Animal")),
    ("Bicyclist", (0, 128, 192), ("Bicyclist", "MotorcycleScooter")),
)
GROUPS = {name: label for label, (_, _, names) in enumerate(CLASSES) for name in names}
GROUPS["Void"] = VOID
FROM_NUMBERS = Coded(numbers={11: VOID, VOID: VOID} | {label: label for label in range(11)})

# The customary split goes by film, and by frame where a film is in two splits.
FRAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)")
LAST_OF_TRAIN_0001TP = 8520
VAL_OF_0016E5 = range(7959, 8160)


def load(where: str) -> Dataset:
    """Either layout, whichever lies there."""
    layout = Layout.at("camvid", where, TREE)
    if (layout.root / STILLS).is_dir():
        splits = _original(layout)
    else:
        layout.file("trainannot")
        splits = {
            split: layout.pairs(layout.root / split, layout.root / f"{split}annot", FROM_NUMBERS)
            for split in SPLITS
            if (layout.root / split).is_dir()
        }
    names, colours = [name for name, _, _ in CLASSES], [colour for _, colour, _ in CLASSES]
    return layout.dataset(names, colours, splits)


def _original(layout: Layout) -> Mapping[str, list[Pair]]:
    layout.file(LABELLED)
    # None of the 32 goes by a number, also in a palette.
    decode = Coded(numbers={}, colours=_legend(layout.file(LEGEND)))
    if (layout.root / "train.txt").is_file():
        named = {s: _listed(layout, s) for s in SPLITS if (layout.root / f"{s}.txt").is_file()}
    else:
        named = _customary(layout.pictures(layout.root / STILLS))
        counts = ", ".join(f"{split} {len(paths)}" for split, paths in named.items())
        talk.say(f"no train.txt in {layout.root}: split as is customary, by film: {counts}")
    splits = {
        split: [
            Pair(picture=p, mask=layout.root / LABELLED / f"{p.stem}_L.png", decode=decode)
            for p in paths
        ]
        for split, paths in named.items()
    }
    layout.refuse_lacking([pair for pairs in splits.values() for pair in pairs])
    return splits


def _listed(layout: Layout, split: str) -> list[Path]:
    """The pictures that a list names, by name or by path."""
    stills = layout.root / STILLS
    return [
        line.file(line.words[0], stills, ("", *PICTURES))
        for line in lists.read(layout.root / f"{split}.txt")
    ]


def _customary(pictures: list[Path]) -> dict[str, list[Path]]:
    splits: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for picture in pictures:
        splits[_split_of(picture)].append(picture)
    return splits


def _split_of(picture: Path) -> str:
    match = FRAME.fullmatch(picture.stem)
    if not match:
        raise UserError(
            f"{picture}: not a frame of the four films, so no split is customary for it",
            hint="write train.txt, val.txt and test.txt, a name a line",
        )
    film, frame = match[1], int(match[2])
    if film == "0001TP":
        return "train" if frame <= LAST_OF_TRAIN_0001TP else "test"
    if film == "0016E5":
        return "val" if frame in VAL_OF_0016E5 else "train"
    return "test" if film == "Seq05VD" else "train"


def _legend(path: Path) -> dict[Colour, int]:
    """label_colors.txt, `red green blue name` a line, as colour to label."""
    colours: dict[Colour, int] = {}
    for line in lists.read(path):
        *parts, name = " ".join(line.words).split()
        if len(parts) != 3 or not all(part.isdecimal() for part in parts) or name not in GROUPS:
            raise line.error(
                f"'{' '.join(line.words)}' is none of the 32 classes with its colour",
                hint="take the label_colors.txt of the archive: `64 128 64 Animal` and so on",
            )
        red, green, blue = map(int, parts)
        colours[red, green, blue] = GROUPS[name]
    return colours
