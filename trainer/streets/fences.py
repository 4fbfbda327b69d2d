"""Fences: pickets, railings, wire mesh, boards and guard rails."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .camera import NEAREST, Point
from .canvas import Layer
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .shadows import Shadows
from .stage import Stage

GARDEN_KINDS = ("picket", "picket", "railing", "mesh", "boards")
KERB_KINDS = ("railing", "railing", "mesh", "guard rail")
_COLOURS: dict[str, tuple[Colour, ...]] = {
    "picket": ((220, 216, 206), (150, 116, 84), (112, 92, 74), (196, 190, 178)),
    "railing": ((48, 52, 52), (70, 78, 74), (110, 112, 112)),
    "mesh": ((120, 128, 124), (70, 96, 78), (150, 152, 150)),
    "boards": ((140, 110, 82), (116, 98, 82), (156, 134, 108), (100, 104, 98)),
    "guard rail": ((164, 166, 166), (140, 144, 146)),
}
_PANEL = 2.4


@dataclass(frozen=True, kw_only=True)
class FencePanel:
    """One panel between two posts on the ground, (x, z) each."""

    start: Point
    end: Point
    height: float
    kind: str
    colour: Colour

    @property
    def x(self) -> float:
        """Position of the middle of the panel across the street."""
        return (self.start[0] + self.end[0]) / 2

    @property
    def depth(self) -> float:
        """Distance of the middle of the panel."""
        return (self.start[1] + self.end[1]) / 2

    def cast(self, shadows: Shadows) -> None:
        """Shadow of a low wall."""
        shadows.block([self.start, self.end], self.height)

    def draw(self, stage: Stage) -> None:
        """Fill, then rails and posts."""
        _PanelPainter(stage, self).draw()


class _PanelPainter:
    """Draws one panel; positions are (share along the panel, metres up)."""

    def __init__(self, stage: Stage, panel: FencePanel) -> None:
        light = stage.light
        self._stage = stage
        self._panel = panel
        self._layer: Layer = stage.canvas.at(panel.depth)
        along_street = abs(panel.end[1] - panel.start[1]) > abs(panel.end[0] - panel.start[0])
        side = -1.0 if panel.start[0] > 0 else 1.0
        brightness = light.on((side, 0, 0) if along_street else (0, 0, -1))
        self._colour = light.shaded(panel.colour, 0.1 + brightness)
        self._thin = stage.camera.thin

    def draw(self) -> None:
        height = self._panel.height
        if self._panel.kind == "boards":
            self._slats(14, 1.0, height, gap=0.0)
        elif self._panel.kind == "picket":
            self._rail(height * 0.3, 0.08)
            self._rail(height * 0.75, 0.08)
            self._slats(14, 0.62, height, gap=0.38)
        elif self._panel.kind == "railing":
            self._rail(height * 0.97, 0.05)
            self._rail(0.15, 0.05)
            self._slats(18, 0.24, height, gap=0.76)
        elif self._panel.kind == "mesh":
            self._mesh()
        else:
            self._rail(height * 0.8, 0.3)
            self._rail(height * 0.8, 0.06, scaled(self._colour, 0.7))
        self._post(0.0)
        self._post(1.0)

    def _pixel(self, share: float, y: float) -> Point:
        (x0, z0), (x1, z1) = self._panel.start, self._panel.end
        z = max(z0 + (z1 - z0) * share, NEAREST)
        return self._stage.camera.project(x0 + (x1 - x0) * share, y, z)

    def _slats(self, count: int, width: float, height: float, *, gap: float) -> None:
        rng = self._stage.rng
        for index in range(count):
            left, right = index / count, (index + width) / count
            low_left, low_right = self._pixel(left, 0.06), self._pixel(right, 0.06)
            high_left, high_right = self._pixel(left, height), self._pixel(right, height)
            colour = scaled(self._colour, float(rng.uniform(0.86, 1.08)))
            if gap > 0 and abs(low_right[0] - low_left[0]) < 2:
                # Thinner than a finished pixel: a line of the least width keeps it visible.
                self._layer.line([low_left, high_left], 2, colour, Label.FENCE)
            else:
                outline = [low_left, high_left, high_right, low_right]
                self._layer.polygon(outline, colour, Label.FENCE)

    def _mesh(self) -> None:
        height, depth = self._panel.height, self._panel.depth
        line = max(2, self._thin(0.012, depth, 0.5, 1.5))
        self._rail(height, 0.05)
        cells = 12
        for index in range(-cells // 2, cells):
            start, end = index / cells, (index + cells / 2) / cells
            for low, high in ((start, end), (end, start)):
                ends = _clipped(low, high)
                if ends is not None:
                    points = [self._pixel(share, y * height) for share, y in ends]
                    self._layer.line(points, line, self._colour, Label.FENCE)

    def _rail(self, y: float, thickness: float, colour: Colour | None = None) -> None:
        half = max(thickness / 2, 1.0 / self._stage.camera.scale(self._panel.depth))
        outline = [
            self._pixel(0, y - half), self._pixel(0, y + half),
            self._pixel(1, y + half), self._pixel(1, y - half),
        ]  # fmt: skip
        self._layer.polygon(outline, colour or self._colour, Label.FENCE)

    def _post(self, share: float) -> None:
        line = self._thin(0.09, self._panel.depth, 1.0, 8)
        ends = [self._pixel(share, 0), self._pixel(share, self._panel.height * 1.04)]
        self._layer.line(ends, line, scaled(self._colour, 0.85), Label.FENCE)


def build_fence(
    rng: np.random.Generator, start: Point, end: Point, kinds: Sequence[str]
) -> list[FencePanel]:
    """A fence of one of the kinds between two spots, panel by panel."""
    kind = picked(rng, kinds)
    height = 0.75 if kind == "guard rail" else float(rng.uniform(0.85, 1.7))
    colour = jittered(rng, picked(rng, _COLOURS[kind]), 14)
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    count = max(1, round(length / _PANEL))
    spots = [
        (start[0] + (end[0] - start[0]) * k / count, start[1] + (end[1] - start[1]) * k / count)
        for k in range(count + 1)
    ]
    return [
        FencePanel(start=a, end=b, height=height, kind=kind, colour=colour)
        for a, b in itertools.pairwise(spots)
    ]


def _clipped(low: float, high: float) -> tuple[Point, Point] | None:
    # A diagonal from (low, 0) to (high, 1), cut to the panel between shares 0 and 1.
    slope = high - low
    heights = sorted(((0 - low) / slope, (1 - low) / slope))
    bottom, top = max(0.0, heights[0]), min(1.0, heights[1])
    if top <= bottom:
        return None
    return (low + slope * bottom, bottom), (low + slope * top, top)
