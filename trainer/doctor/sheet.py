"""Draws the contact sheet: photos with their masks laid over, and which colour is which class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kernels.contract import Colour
from kernels.publish import published
from trainer.data import Dataset, Sample
from trainer.doctor.look import Look

COLUMNS, MOST = 3, 12
PANEL = 420  # pixels, the longer side of a photo
GAP, LINE, TEXT = 10, 24, 14
COVER = 0.55  # how much of a colour hides the photo
VOID = "void, in no class"
VOID_COLOUR: Colour = (0, 0, 0)
INK = (30, 30, 30)


def draw(looks: Sequence[Look], dataset: Dataset, path: Path) -> None:
    """Up to MOST sound pairs, evenly spread, as a PNG at `path`."""
    sound = [look for look in looks if look.pixels is not None]
    places = np.linspace(0, len(sound) - 1, min(MOST, len(sound))).round().astype(int)
    panels = [_panel(sound[place], dataset) for place in places]
    width = COLUMNS * (PANEL + GAP) + GAP
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    heights = [max(panel.height for panel in row) + GAP for row in rows]
    legend = _legend(dataset, width)
    sheet = Image.new("RGB", (width, GAP + sum(heights) + legend.height), "white")
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            sheet.paste(panel, (GAP + column * (PANEL + GAP), top))
        top += height
    sheet.paste(legend, (0, top))
    with published(path) as draft:
        sheet.save(draft, "PNG")


def _panel(look: Look, dataset: Dataset) -> Image.Image:
    photo = Image.fromarray(_covered(look.pair.read(), dataset))
    scale = PANEL / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    panel = Image.new("RGB", (PANEL, LINE + size[1]), "white")
    # Small photos are enlarged pixel by pixel: the labels' own borders stay visible.
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    panel.paste(photo.resize(size, method), (0, LINE))
    name = f"{look.split}/{look.pair.picture.name}"
    _write(panel, (0, 2), _shortened(name, PANEL))
    return panel


def _covered(sample: Sample, dataset: Dataset) -> NDArray[np.uint8]:
    """The photo under the colours of its labels."""
    known = np.where(sample.labels == dataset.ignore, len(dataset.palette), sample.labels)
    colours = np.array([*dataset.palette, VOID_COLOUR], np.float32)[known]
    return np.asarray((COVER * colours + (1 - COVER) * sample.picture).round().astype(np.uint8))


def _legend(dataset: Dataset, width: int) -> Image.Image:
    """A swatch and a name for every class, row by row, void last."""
    names, colours = [*dataset.classes, VOID], [*dataset.palette, VOID_COLOUR]
    column = 2 * LINE + max(round(_font().getlength(name)) for name in names)
    across = max(1, (width - 2 * GAP) // column)
    legend = Image.new("RGB", (width, math.ceil(len(names) / across) * LINE + GAP), "white")
    pen = ImageDraw.Draw(legend)
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        left, top = GAP + place % across * column, place // across * LINE
        pen.rectangle((left, top + 4, left + 14, top + 18), fill=colour, outline=INK)
        _write(legend, (left + LINE, top + 2), name)
    return legend


def _write(image: Image.Image, place: tuple[int, int], text: str) -> None:
    ImageDraw.Draw(image).text(place, text, fill=INK, font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)


def _shortened(text: str, width: int) -> str:
    """The end of a text too long for its place: names differ at their ends."""
    font = _font()
    start = 0
    while font.getlength(text[start:]) > width - 16 and start < len(text):
        start += 1
    return f"...{text[start + 1 :]}" if start else text
