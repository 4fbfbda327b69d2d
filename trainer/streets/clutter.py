"""Things without a class: bins and boxes on the pavement, and the bonnet of the own car."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .shadows import Shadows
from .stage import Stage

_COLOURS: tuple[Colour, ...] = (
    (52, 60, 58), (40, 88, 60), (70, 70, 74), (170, 148, 50), (150, 120, 88), (42, 60, 100),
    (160, 50, 40),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Clutter:
    """A bin, a box or a cabinet."""

    x: float
    depth: float
    width: float
    height: float
    colour: Colour
    lid: bool

    def cast(self, shadows: Shadows) -> None:
        """A dark foot and the shadow of a post."""
        shadows.contact(self.x, self.depth, self.width * 0.7, self.width * 0.5)
        shadows.column(self.x, self.depth, self.width / 2, self.height)

    def draw(self, stage: Stage) -> None:
        """Front, shaded side and lid."""
        board = Billboard(stage, self.x, self.depth, Label.VOID)
        light = stage.light
        colour = light.shaded(self.colour, light.on((0, 0, -1)))
        half, top = self.width / 2, self.height
        board.polygon([(-half * 0.9, 0), (-half, top), (half, top), (half * 0.9, 0)], colour)
        board.detail(
            [(half * 0.5, 0), (half * 0.5, top), (half, top), (half * 0.9, 0)], scaled(colour, 0.75)
        )
        if self.lid:
            lid = [(-half * 1.1, top), (-half, top + 0.1), (half, top + 0.1), (half * 1.1, top)]
            board.polygon(lid, scaled(colour, 1.25))


def sample_clutter(rng: np.random.Generator, x: float, z: float) -> Clutter:
    """Draw one bin or box at a spot."""
    return Clutter(
        x=x,
        depth=z,
        width=float(rng.uniform(0.35, 0.9)),
        height=float(rng.uniform(0.45, 1.3)),
        colour=jittered(rng, picked(rng, _COLOURS), 14),
        lid=rng.random() < 0.5,
    )


def draw_own_bonnet(stage: Stage) -> None:
    """Cover the lower edge of the picture with the bonnet of the camera's car."""
    width, height = stage.canvas.photo.size
    rng, light = stage.rng, stage.light
    rise = height * float(rng.uniform(0.015, 0.045))
    centre = width * (0.5 + float(rng.uniform(-0.06, 0.06)))
    paint = light.shaded(jittered(rng, picked(rng, _COLOURS), 30), 0.35 * light.on((0, 1, 0)))
    layer = stage.canvas.at(0)
    for step in range(6):
        drop = rise * 0.16 * step
        arc = [
            (width * share, height - rise * math.cos((width * share - centre) / width * 2.2) + drop)
            for share in np.linspace(-0.02, 1.02, 24).tolist()
        ]
        outline = [*arc, (width * 1.02, height + 2), (-width * 0.02, height + 2)]
        layer.polygon(outline, scaled(paint, 1.7 - 0.16 * step), Label.VOID)
