"""Every known data set in its true layout, tiny, and a network whose parts add up.

Photos are noise, and each coding says one truth.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trainer import checkpoint, network
from trainer.network import Network

SIZE = (20, 30)
VOID = 255


@dataclass(frozen=True, kw_only=True)
class Written:
    """A data set on disk: what `--data` says, and the labels that each picture must get."""

    spec: str
    root: Path
    truth: dict[str, np.ndarray]


class Writer:
    """Writes photos and masks below a folder, and remembers the truth of each photo."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.truth: dict[str, np.ndarray] = {}

    def photo(self, place: str) -> np.ndarray:
        """A photo at `place`; returns its labels: 0, 1 and 2 in blocks, the first row void."""
        rng = np.random.default_rng(len(self.truth))
        labels = np.kron(rng.integers(0, 3, (4, 3)), np.ones((5, 10))).astype(np.uint8)
        labels[-1, :3] = 0, 1, 2
        labels[0] = VOID
        self.save(place, rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
        self.truth[str(self.root / place)] = labels
        return labels

    def save(self, place: str, pixels: np.ndarray, palette: list[int] | None = None) -> None:
        """Pixels as a picture file; numbers with a palette where one is given."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels)
        if palette:
            image.putpalette(palette)
        image.save(path)

    def text(self, place: str, content: object) -> None:
        """A text file: a string as it is, anything else as JSON."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def coded(labels: np.ndarray, *codes: object, void: object) -> np.ndarray:
    """Labels 0, 1, 2 as these codes (numbers or colours)."""
    table = np.zeros((256, *np.shape(void)), np.uint8)
    table[:3], table[VOID] = codes, void
    return table[labels]


def folder(to: Writer) -> str:
    for place in ("train/a", "train/b", "val/c"):
        to.save(f"masks/{place}.png", to.photo(f"images/{place}.jpg"))
    to.text("classes.json", ["road", "tree", "sky"])
    return f"folder:{to.root}"


def cityscapes(to: Writer) -> str:
    for split, city, name in (
        ("train", "aachen", "aachen_000000_000019"),
        ("train", "ulm", "ulm_000001_000019"),
        ("val", "munster", "munster_000000_000019"),
    ):
        labels = to.photo(f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png")
        # road, sidewalk, building; void as ego vehicle.
        ids = coded(labels, 7, 8, 11, void=1)
        to.save(f"gtFine/{split}/{city}/{name}_gtFine_labelIds.png", ids)
        to.save(f"gtFine/{split}/{city}/{name}_gtFine_instanceIds.png", ids)
    to.save("leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png", ids)
    to.save("gtFine/test/berlin/berlin_000000_000019_gtFine_labelIds.png", ids * 0)
    return f"cityscapes:{to.root}"


def mapillary_config(*names: str, unused: str = "Unlabeled") -> dict:
    """A config as Mapillary's: an entry an id, the last one not evaluated."""
    labels = [
        {"name": f"x--{name.lower()}", "readable": name, "color": [n, n, 7], "evaluate": True}
        for n, name in enumerate(names)
    ]
    last = {"name": "void--unlabeled", "readable": unused, "color": [0, 0, 0], "evaluate": False}
    return {"labels": [*labels, last], "version": 1}


def mapillary(to: Writer) -> str:
    for split, name in (("training", "a1"), ("training", "b2"), ("validation", "c3")):
        labels = to.photo(f"{split}/images/{name}.jpg")
        palette = [9, 9, 9] * 256
        to.save(f"{split}/labels/{name}.png", coded(labels, 0, 1, 2, void=3), palette)
    to.text("config.json", mapillary_config("Bird", "Curb", "Sky"))
    return f"mapillary:{to.root}"


def ade20k(to: Writer) -> str:
    for split, name in (
        ("training", "ADE_train_00000001"),
        ("training", "ADE_train_00000002"),
        ("validation", "ADE_val_00000001"),
    ):
        labels = to.photo(f"images/{split}/{name}.jpg")
        to.save(f"annotations/{split}/{name}.png", coded(labels, 1, 2, 3, void=0))
    return f"ade20k:{to.root}"


def voc(to: Writer) -> str:
    for name in ("2007_000032", "2007_000039", "2007_000063"):
        labels = to.photo(f"JPEGImages/{name}.jpg")
        to.save(f"SegmentationClass/{name}.png", labels, [0, 0, 0, 128, 0, 0] * 128)
    to.text("ImageSets/Segmentation/train.txt", "2007_000032\n2007_000039\n")
    to.text("ImageSets/Segmentation/val.txt", "2007_000063\n")
    return f"voc:{to.root}"


def camvid(to: Writer) -> str:
    for split, name in (
        ("train", "0001TP_006690"),
        ("train", "0001TP_006720"),
        ("val", "0016E5_07959"),
        ("test", "Seq05VD_f00000"),
    ):
        labels = to.photo(f"{split}/{name}.png")
        to.save(f"{split}annot/{name}.png", coded(labels, 0, 1, 2, void=11))
    return f"camvid:{to.root}"


def coco(to: Writer) -> str:
    """Panoptic: sky, road and a person, whose segments are colours."""
    categories = [
        {"id": 1, "name": "person", "isthing": 1},
        {"id": 149, "name": "road", "isthing": 0},
        {"id": 187, "name": "sky-other-merged", "isthing": 0},
    ]
    for split, names in (("train2017", ("000000000009", "000000000025")), ("val2017", ("0139",))):
        annotations = []
        for number, name in enumerate(names):
            labels = to.photo(f"{split}/{name}.jpg")
            # Segment ids of one, two and three bytes.
            colours = coded(labels, (5, 0, 0), (6, 1, 0), (7, 1, 2), void=(0, 0, 0))
            to.save(f"annotations/panoptic_{split}/{name}.png", colours)
            segments = [
                {"id": 5, "category_id": 1},
                {"id": 6 + 256, "category_id": 149},
                {"id": 7 + 256 + 2 * 65536, "category_id": 187},
            ]
            annotations.append(
                {"image_id": number, "file_name": f"{name}.png", "segments_info": segments}
            )
        content = {"annotations": annotations, "categories": categories}
        to.text(f"annotations/panoptic_{split}.json", content)
    return f"coco:{to.root}"


# A data set without a layout here fails in test_datasets.py.
LAYOUTS: dict[str, Callable[[Writer], str]] = {
    write.__name__: write for write in (folder, cityscapes, mapillary, ade20k, voc, camvid, coco)
}


@pytest.fixture
def layouts():
    """How each data set is written, by name."""
    return LAYOUTS


@pytest.fixture
def writer(tmp_path):
    """Writes below a fresh folder."""
    return Writer(tmp_path / "set")


@pytest.fixture
def written(writer):
    """Writes the data set of a name in its true layout."""

    def write(name):
        spec = LAYOUTS[name](writer)
        return Written(spec=spec, root=writer.root, truth=writer.truth)

    return write


class Plain(torch.nn.Module):
    """Two convolutions, and no batch statistics: parts of a batch are what the whole is."""

    stride = 1
    multiple = 1

    def __init__(self, classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, classes, 3, padding=1),
        )

    widths = (8,)

    def forward(self, picture):
        return self.decode(self.encode(picture))

    def encode(self, picture):
        return [self.layers[:2](picture)]

    def decode(self, levels):
        return self.layers[2:](levels[0])


@pytest.fixture
def plain_network(monkeypatch):
    """Every model is this one while the test runs."""

    def build(model, classes, *, sight=1, config=""):
        return Network(Plain(classes))

    for place in (network, checkpoint):
        monkeypatch.setattr(place, "build", build)
