"""Crowns of leaves: ragged clumps with holes, painted once and scaled to every tree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .colour import Colour
from .stage import Stage
from .texture import as_image, window
from .warp import Box

# Side of the picture in which a crown is painted before it is scaled to its place.
_CROWN = 448

# Clumps with more leaves than this are so thick that nothing shows through their middle.
_DENSE = 64

# Which grey of a smooth crown counts as leaf.
_SOLID = [0] * 116 + [255] * 140


@dataclass(frozen=True, kw_only=True)
class Crown:
    """Leaves of one crown: `light` is their brightness, `mask` is 255 where there is a leaf."""

    light: Image.Image
    mask: Image.Image


def make_crowns(rng: np.random.Generator, sunny_side: int, sparse: float) -> list[Crown]:
    """Paint a few crowns, lit from a side; `sparse` from 0 to 1 opens holes."""
    return [_paint_crown(rng, sunny_side, sparse) for _ in range(2)]


def _paint_crown(rng: np.random.Generator, sunny_side: int, sparse: float) -> Crown:
    light = Image.new("L", (_CROWN, _CROWN), 90)
    mask = Image.new("L", (_CROWN, _CROWN), 0)
    light_pen, mask_pen = ImageDraw.Draw(light), ImageDraw.Draw(mask)
    clumps = int(34 - 12 * sparse)
    angle = rng.uniform(0, 2 * math.pi, clumps)
    reach = np.sqrt(rng.uniform(0, 1, clumps)) * 0.37
    centre_x = 0.5 + reach * np.cos(angle)
    centre_y = 0.5 + reach * np.sin(angle)
    # Upper clumps are drawn last: each overlaps the shaded foot of the one above it.
    for index in np.argsort(-centre_y + rng.normal(0, 0.08, clumps)).tolist():
        clump = (float(centre_x[index]), float(centre_y[index]), float(rng.uniform(0.07, 0.14)))
        _paint_clump(rng, (light_pen, mask_pen), clump, sunny_side, int(76 - 24 * sparse))
    return Crown(light=light, mask=mask.filter(ImageFilter.BoxBlur(1.5)))


def _paint_clump(
    rng: np.random.Generator,
    pens: tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw],
    clump: tuple[float, float, float],
    sunny_side: int,
    leaves: int,
) -> None:
    x, y, radius = clump
    # Cut tails: no leaf may float away from its clump.
    spread = np.clip(rng.normal(0, 0.5, (leaves, 2)), -1, 1) * radius
    size = rng.uniform(0.005, 0.014, (leaves, 2))
    facing = (spread[:, 0] * sunny_side * 0.6 - spread[:, 1]) / radius
    height = (0.55 - y) * 60 + (x - 0.5) * sunny_side * 30
    brightness = 122 + height + 52 * facing + rng.normal(0, 16, leaves)
    if leaves > _DENSE:
        core = (x - radius * 0.7, y - radius * 0.6, x + radius * 0.7, y + radius * 0.7)
        pens[0].ellipse([edge * _CROWN for edge in core], fill=max(20, int(70 + height)))
        pens[1].ellipse([edge * _CROWN for edge in core], fill=255)
    order = np.argsort(facing)
    boxes = np.stack(
        [
            x + spread[:, 0] - size[:, 0], y + spread[:, 1] - size[:, 1],
            x + spread[:, 0] + size[:, 0], y + spread[:, 1] + size[:, 1],
        ],
        axis=1,
    )[order] * _CROWN  # fmt: skip
    tones = np.clip(brightness[order], 20, 250).astype(int).tolist()
    for box, tone in zip(boxes.tolist(), tones, strict=True):
        pens[0].ellipse(box, fill=tone)
        pens[1].ellipse(box, fill=255)


def leafage(
    stage: Stage, crown: Crown, whole: Box, visible: Box, leaves: Colour, *, mirrored: bool
) -> tuple[Image.Image, Image.Image]:
    """The visible part of a crown that fills the box `whole`: its picture and its mask."""
    if mirrored:
        left, right = (whole[0] + whole[2] - edge for edge in (visible[2], visible[0]))
        part = _mirrored(_part(crown, whole, (left, visible[1], right, visible[3])))
    else:
        part = _part(crown, whole, visible)
    rough = _roughened(stage, part)
    return _coloured(rough.light, leaves), rough.mask


def _mirrored(crown: Crown) -> Crown:
    flip = Image.Transpose.FLIP_LEFT_RIGHT
    return Crown(light=crown.light.transpose(flip), mask=crown.mask.transpose(flip))


def _part(crown: Crown, whole: Box, visible: Box) -> Crown:
    # Only the visible part of a crown is scaled: near ones reach far beyond the picture.
    across, up = _CROWN / (whole[2] - whole[0]), _CROWN / (whole[3] - whole[1])
    source = (
        max(0.0, (visible[0] - whole[0]) * across),
        max(0.0, (visible[1] - whole[1]) * up),
        min(float(_CROWN), (visible[2] - whole[0]) * across),
        min(float(_CROWN), (visible[3] - whole[1]) * up),
    )
    target = (visible[2] - visible[0], visible[3] - visible[1])

    def scaled(picture: Image.Image) -> Image.Image:
        return picture.resize(target, Image.Resampling.BILINEAR, source, reducing_gap=1.5)

    return Crown(light=scaled(crown.light), mask=scaled(crown.mask))


def _roughened(stage: Stage, crown: Crown) -> Crown:
    # Noise of fixed pixel size keeps leaves small, however near the tree and smooth its crown.
    spots = window(stage.textures.leaf, crown.mask.height, crown.mask.width, stage.rng)
    # Too weak to put a leaf where the crown has none.
    noise = as_image(0.15 + 0.7 * spots)
    mask = ImageChops.add(crown.mask, noise, 1.0, -128).point(_SOLID)
    return Crown(light=ImageChops.add(crown.light, noise, 1.25, -52), mask=mask)


def _coloured(light: Image.Image, leaves: Colour) -> Image.Image:
    tables: list[int] = []
    # Sunlit leaves turn yellowish, shaded ones bluish.
    for base, gain in zip(leaves, (1.06, 1.0, 0.9), strict=True):
        tables += [
            min(255, int(base * (0.22 + 1.5 * (tone / 255) ** 1.2 * gain))) for tone in range(256)
        ]
    return Image.merge("RGB", (light, light, light)).point(tables)
