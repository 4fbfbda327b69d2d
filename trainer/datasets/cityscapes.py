"""`cityscapes:DIR`: leftImg8bit/ and gtFine/ as unpacked, labelIds or labelTrainIds; 19 classes."""

from __future__ import annotations

from pathlib import Path

from trainer import talk
from trainer.data import Dataset, Pair
from trainer.layout import Layout
from trainer.masks import VOID, Coded

TREE = (
    "leftImg8bit/{train,val}/CITY/NAME_leftImg8bit.png beside "
    "gtFine/{train,val}/CITY/NAME_gtFine_labelIds.png (or _labelTrainIds.png)"
)
PICTURE = "_leftImg8bit.png"
HIGHEST_ID = 33

# The id in labelIds files, name and colour of each class that is scored, in the order of train ids.
CLASSES = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
TRAIN_IDS = {id_: label for label, (id_, _, _) in enumerate(CLASSES)}
# 255 is -1, the licence plates, in eight bits.
FROM_IDS = Coded(
    numbers={VOID: VOID} | {id_: TRAIN_IDS.get(id_, VOID) for id_ in range(HIGHEST_ID + 1)}
)
FROM_TRAIN_IDS = Coded(numbers={VOID: VOID} | {label: label for label in TRAIN_IDS.values()})


def load(where: str) -> Dataset:
    """Train and val; what is published of the test split has no labels."""
    layout = Layout.at("cityscapes", where, TREE)
    pictures = layout.file("leftImg8bit")
    layout.file("gtFine")
    splits = {
        split: _pairs(layout, split) for split in ("train", "val") if (pictures / split).is_dir()
    }
    if (pictures / "test").is_dir():
        talk.say("note: the labels of cityscapes' test split are not published: it is left out")
    names, colours = [name for _, name, _ in CLASSES], [colour for _, _, colour in CLASSES]
    return layout.dataset(names, colours, splits)


def _pairs(layout: Layout, split: str) -> list[Pair]:
    folder = layout.root / "leftImg8bit" / split
    pairs = [_pair(layout, path) for path in layout.pictures(folder, f"*/*{PICTURE}")]
    layout.refuse_lacking(pairs)
    return pairs


def _pair(layout: Layout, picture: Path) -> Pair:
    """A picture with its ready train ids where somebody made them, else with its ids."""
    folder = layout.root / "gtFine" / picture.parent.relative_to(layout.root / "leftImg8bit")
    name = f"{picture.name.removesuffix(PICTURE)}_gtFine"
    ready = folder / f"{name}_labelTrainIds.png"
    if ready.is_file():
        return Pair(picture=picture, mask=ready, decode=FROM_TRAIN_IDS)
    return Pair(picture=picture, mask=folder / f"{name}_labelIds.png", decode=FROM_IDS)
