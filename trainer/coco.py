"""What COCO's JSON files say of a picture, as labels: panoptic segments, or objects to be drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernels.contract import MOST_CLASSES, Colour
from kernels.errors import UserError, about
from kernels.paint import Mask, mask_dtype
from trainer import tables
from trainer.masks import VOID, read_codes
from trainer.palette import default_palette
from trainer.regions import region

BACKGROUND = "background"
BLACK = (0, 0, 0)
Annotation = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Categories:
    """The categories of a file as classes, and the label of each category id."""

    names: tuple[str, ...]
    palette: tuple[Colour, ...]
    labels: Mapping[int, int]

    @property
    def void(self) -> int:
        """What is no class."""
        return VOID if len(self.names) <= VOID else MOST_CLASSES

    def label(self, annotation: Annotation) -> int:
        """The label of what is annotated."""
        if annotation["category_id"] not in self.labels:
            raise UserError(f"category {annotation['category_id']} is not among the categories")
        return self.labels[annotation["category_id"]]


# Compared by identity, as every decoder is.
@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """Decodes a panoptic PNG, whose colours are the numbers of segments."""

    categories: Categories
    annotations: Sequence[Annotation]

    def __call__(self, path: Path) -> Mask:
        """The label of each pixel's segment; what is in none, number 0, is void."""
        codes = read_codes(path)
        numbers, places = np.unique(codes, return_inverse=True)
        with about(path), shaped(path):
            labels = {one["id"]: self.categories.label(one) for one in self.annotations}
        labels[0] = self.categories.void
        strange = [number for number in numbers.tolist() if number not in labels]
        if strange:
            raise UserError(
                f"{path}: segment {strange[0]} is not in the panoptic JSON",
                hint="take the JSON and the PNGs from one archive, and do not resave the PNGs",
            )
        kind = mask_dtype(self.categories.void + 1)
        found: Mask = np.array([labels[number] for number in numbers.tolist()], kind)
        return found[places].reshape(codes.shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """Decodes no mask but draws one: the objects of one picture, as they stand in the JSON."""

    categories: Categories
    annotations: Sequence[Annotation]
    size: tuple[int, int]
    picture: str

    def __call__(self, path: Path) -> Mask:
        """Crowds first, as void, then objects from the largest to the smallest."""
        void = self.categories.void
        drawn: Mask = np.zeros(self.size, mask_dtype(void + 1))
        with about(f"{path}: {self.picture}"), shaped(path):
            for one in sorted(self.annotations, key=_layer):
                inside = region(one["segmentation"], self.size)
                drawn[inside] = void if one.get("iscrowd") else self.categories.label(one)
        return drawn


def _layer(annotation: Annotation) -> tuple[bool, float]:
    return not annotation.get("iscrowd"), -float(annotation.get("area", 0))


def read(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable JSON ({error})", hint="unpack it anew") from None


@contextmanager
def shaped(path: Path) -> Iterator[None]:
    """Turn what a malformed annotation raises into an error that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: not as COCO's files are ({type(error).__name__}: {error})",
            hint="see https://cocodataset.org/#format-data",
        ) from None


def categories(content: Any, *, background: bool) -> Categories:
    """The categories in the order of their ids, after a class for what is no object where asked."""
    rows = sorted(content["categories"], key=lambda row: int(row["id"]))
    named = [row for row in rows if not (background and row["name"] == BACKGROUND)]
    first = 1 if background else 0
    spare = default_palette(len(named))
    labels = {row["id"]: 0 for row in rows} | {
        row["id"]: first + place for place, row in enumerate(named)
    }
    colours = [_colour(row) or spare[place] for place, row in enumerate(named)]
    return Categories(
        names=(BACKGROUND,) * first + tuple(row["name"] for row in named),
        palette=(BLACK,) * first + tuple(colours),
        labels=labels,
    )


def _colour(row: Annotation) -> Colour | None:
    """The colour in the file, else the one that COCO publishes for this category."""
    if "color" in row:
        red, green, blue = row["color"]
        return red, green, blue
    known = {known.id: known for known in tables.read("coco")}.get(row["id"])
    return known.colour if known and known.name == row["name"] else None
