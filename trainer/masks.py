"""Reads a mask file as labels: class numbers, or numbers and colours that stand for classes."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernels.contract import Colour
from kernels.errors import UserError
from kernels.paint import Mask
from kernels.picture import DAMAGE

INDEX_MODES = ("1", "L", "P", "I;16", "I")
COLOUR_MODES = ("RGB", "RGBA")
VOID = 255
MOST_NUMBER = 65535
TOLD = 5

# How a mask file becomes labels; called when a pair is read, in whichever thread reads it.
Decode = Callable[[Path], Mask]


def read_mask(path: Path) -> Mask:
    """A label map: one number a pixel."""
    with _opened(path) as image:
        return _numbers(image, path)


# Compared by identity: two tables with the same content need no finding out.
@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """Decodes masks whose numbers or colours stand for classes, each looked up in a table.

    Without `numbers` those of an index mask are the labels themselves; where there are none at all
    ({}), only colours count, those of a palette too.
    """

    numbers: Mapping[int, int] | None = None
    colours: Mapping[Colour, int] | None = None

    def __call__(self, path: Path) -> Mask:
        """The labels in the mask file `path`; what stands for nothing is an error."""
        with _opened(path) as image:
            by_palette = self.numbers == {} and image.mode in INDEX_MODES
            if self.colours is not None and (by_palette or image.mode in COLOUR_MODES):
                return self._from_colours(image, path)
            labels = _numbers(image, path)
        return labels if self.numbers is None else self._from_numbers(labels, path)

    def _from_numbers(self, numbers: Mask, path: Path) -> Mask:
        labels = self._number_table[numbers]
        unknown = labels == _unknown(labels)
        if unknown.any():
            told = _counted(numbers[unknown], str)
            raise UserError(
                f"{path}: {unknown.sum()} pixels hold numbers that stand for no class: {told}",
                hint=f"known are {_ranges(self.numbers or {})}",
            )
        return labels

    def _from_colours(self, image: Image.Image, path: Path) -> Mask:
        codes = _codes(image, path)
        labels = self._colour_table[codes]
        unknown = labels == _unknown(labels)
        if unknown.any():
            count = len(np.unique(codes[unknown]))
            raise UserError(
                f"{path}: the mask is {image.mode}, not one class number per pixel, and {count} of "
                f"its colours belong to no class: {_counted(codes[unknown], _as_colour)}",
                hint="list every colour with its class; colours that nobody chose come from JPEG "
                "or from resizing: keep masks as PNG, and resize them to the nearest pixel",
            )
        return labels

    @cached_property
    def _number_table(self) -> Mask:
        return _table(self.numbers or {}, MOST_NUMBER + 1)

    @cached_property
    def _colour_table(self) -> Mask:
        codes = {code_of(colour): label for colour, label in (self.colours or {}).items()}
        return _table(codes, 256**3)


def code_of(colour: Colour) -> int:
    """A colour as one number: COCO's own order, red lowest."""
    red, green, blue = colour
    return red + 256 * green + 65536 * blue


def read_codes(path: Path) -> NDArray[np.uint32]:
    """A picture of colours, each as `code_of` gives it."""
    with _opened(path) as image:
        if image.mode not in COLOUR_MODES:
            raise UserError(f"{path}: the mask is {image.mode}, not RGB")
        return _codes(image, path)


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except FileNotFoundError:
        raise UserError(f"{path}: the mask is missing", hint=_elsewhere(path)) from None
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _elsewhere(mask: Path) -> str:
    for other in sorted(mask.parent.glob(f"{glob.escape(mask.stem)}.*")):
        return f"{other.name} is there, but masks are PNGs: others change class numbers"
    return "add the mask, or take its picture away"


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable mask ({error})", hint="save it anew")


def _pixels(image: Image.Image, path: Path, mode: str = "") -> NDArray[Any]:
    try:
        return np.asarray(image.convert(mode) if mode else image)
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _numbers(image: Image.Image, path: Path) -> Mask:
    if image.mode not in INDEX_MODES:
        raise UserError(
            f"{path}: the mask is {image.mode}, not one class number per pixel",
            hint=_hint_for_colours(image, path),
        )
    labels = _pixels(image, path)
    if labels.dtype in (np.uint8, np.bool_):
        return labels.astype(np.uint8)
    if labels.min() < 0 or labels.max() > MOST_NUMBER:
        raise UserError(f"{path}: label {labels.max()} is past {MOST_NUMBER}")
    return labels.astype(np.uint16)


def _codes(image: Image.Image, path: Path) -> NDArray[np.uint32]:
    red, green, blue = np.moveaxis(_pixels(image, path, "RGB").astype(np.uint32), 2, 0)
    return np.asarray(red | green << 8 | blue << 16)


def _hint_for_colours(image: Image.Image, path: Path) -> str:
    pixels = _pixels(image, path, "RGB")
    if (pixels == pixels[..., :1]).all():
        return "it is grey saved in colour: save it as a grey PNG, one number a pixel"
    return (
        "give each class its colour in classes.json or CVAT's labelmap.txt, or number the colours "
        "and save the numbers as a grey or palette PNG"
    )


def _table(labels: Mapping[int, int], size: int) -> Mask:
    """What each code is the label of; the second highest number marks those of none."""
    highest = max((label for label in labels.values() if label != VOID), default=0)
    table: Mask = np.empty(size, np.uint8 if highest < VOID - 1 else np.uint16)
    table[:] = _unknown(table)
    for code, label in labels.items():
        table[code] = label
    return table


def _unknown(labels: Mask) -> int:
    return int(np.iinfo(labels.dtype).max) - 1


def _counted(codes: NDArray[Any], name: Callable[[int], str]) -> str:
    found, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    told = [f"{name(int(found[i]))} ({counts[i]} pixels)" for i in order[:TOLD]]
    return ", ".join(told) + (", ..." if len(found) > TOLD else "")


def _as_colour(code: int) -> str:
    return f"{code & 255},{code >> 8 & 255},{code >> 16}"


def _ranges(numbers: Mapping[int, int]) -> str:
    """1, 2, 3, 7 as '1 to 3, 7'."""
    known = sorted(numbers)
    starts = [n for n in known if n - 1 not in numbers]
    ends = [n for n in known if n + 1 not in numbers]
    pairs = zip(starts, ends, strict=True)
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in pairs)
