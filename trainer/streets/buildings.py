"""Houses as boxes beside the street, and the skyline that closes the view."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .camera import Point
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .facade import Facade, paint_facade
from .light import Vector
from .shadows import Shadows
from .stage import Stage
from .warp import lay_on, visible_box

ROOFS: tuple[Colour, ...] = (
    (142, 70, 52), (112, 66, 54), (84, 84, 90), (100, 92, 84), (70, 66, 68), (158, 96, 70),
)  # fmt: skip

# A front is painted with at most this many pixels a side; larger ones are enlarged.
_FINEST = 760


@dataclass(frozen=True, kw_only=True)
class House:
    """A box with a front towards the street (at `x`) and a gable towards the camera (at `near`).

    `neighbour` is the height of a nearer house that touches the gable, or 0.
    """

    x: float
    depth_out: float
    near: float
    far: float
    height: float
    roof_height: float
    gable_to_street: bool
    roof: Colour
    facade: Facade
    chimney: bool
    neighbour: float

    @property
    def depth(self) -> float:
        """Ordered by the far end: whatever stands in front of the house is nearer to the road."""
        return self.far

    @property
    def _back(self) -> float:
        return self.x + (self.depth_out if self.x > 0 else -self.depth_out)

    def cast(self, shadows: Shadows) -> None:
        """Shadow of the whole box."""
        top = self.height + self.roof_height * 0.7
        corners = [
            (self.x, self.near), (self.x, self.far),
            (self._back, self.far), (self._back, self.near),
        ]  # fmt: skip
        shadows.block(corners, top)

    def draw(self, stage: Stage) -> None:
        """Roof first, then both visible walls over it."""
        if self.roof_height > 0:
            self._draw_roof(stage)
        middle = self._back
        gable_right = self.x < 0
        # Seen from the street, a house on the left shows its gable left of its front.
        gable = (middle, self.x) if gable_right else (self.x, middle)
        if self.neighbour < self.height:
            self._draw_wall(stage, ((gable[0], self.near), (gable[1], self.near)), (0, 0, -1))
        along = (self.near, self.far) if self.x < 0 else (self.far, self.near)
        self._draw_wall(
            stage, ((self.x, along[0]), (self.x, along[1])), (1 if self.x < 0 else -1, 0, 0)
        )

    def _draw_wall(self, stage: Stage, ends: tuple[Point, Point], normal: Vector) -> None:
        camera = stage.camera
        top = min(self.height, camera.visible_height(max(ends[0][1], ends[1][1])) + 0.5)
        (x0, z0), (x1, z1) = ends
        corners = [
            camera.project(x0, top, z0), camera.project(x1, top, z1),
            camera.project(x1, 0, z1), camera.project(x0, 0, z0),
        ]  # fmt: skip
        layer = stage.canvas.at((z0 + z1) / 2)
        if visible_box(corners, layer.size) is None:
            return
        metres = (abs(x1 - x0) + abs(z1 - z0), top)
        picture = paint_facade(
            stage, self.facade, metres, _resolution(corners), stage.light.on(normal)
        )
        lay_on(layer, picture, corners, Label.BUILDING)
        if self.roof_height == 0 and top == self.height:
            self._draw_cornice(stage, ends, normal)

    def _draw_cornice(self, stage: Stage, ends: tuple[Point, Point], normal: Vector) -> None:
        camera, light = stage.camera, stage.light
        out_x, out_z = normal[0] * 0.25, normal[2] * 0.25
        outline = [
            camera.project(x + out_x, self.height + y, z + out_z)
            for (x, z), y in (
                (ends[0], 0.25), (ends[1], 0.25), (ends[1], -0.2), (ends[0], -0.2)
            )
        ]  # fmt: skip
        colour = light.shaded(self.facade.trim, light.on(normal) * 0.9)
        layer = stage.canvas.at((ends[0][1] + ends[1][1]) / 2)
        layer.polygon(outline, colour, Label.BUILDING)

    def _draw_roof(self, stage: Stage) -> None:
        if self.gable_to_street:
            self._draw_gable_roof(stage)
        else:
            self._draw_pitched_roof(stage)
        if self.chimney:
            self._draw_chimney(stage)

    def _draw_pitched_roof(self, stage: Stage) -> None:
        camera, light = stage.camera, stage.light
        layer = stage.canvas.at(self.near)
        middle = (self.x + self._back) / 2
        eave, ridge = self.height, self.height + self.roof_height
        gable = [(self.x, eave), (self._back, eave), (middle, ridge)]
        wall = light.shaded(scaled(self.facade.wall, 0.95), light.on((0, 0, -1)))
        layer.polygon([camera.project(x, y, self.near) for x, y in gable], wall, Label.BUILDING)
        # The eave hangs over the street, a little below the top of the wall.
        over = 0.35 if self.x < 0 else -0.35
        slope_down = self.roof_height * abs(over) / abs(middle - self.x)
        foot, rise = eave - slope_down, self.roof_height + slope_down
        normal = (0.6 if self.x < 0 else -0.6, 0.8, 0.0)
        colour = light.shaded(self.roof, light.on(normal))
        rows = np.linspace(0, 1, 9).tolist()
        for low, high in itertools.pairwise(rows):
            shade = scaled(colour, float(stage.rng.uniform(0.88, 1.08)))
            slope = [
                (self.x + over + (middle - self.x - over) * share, foot + rise * share)
                for share in (low, high)
            ]
            outline = [
                camera.project(slope[0][0], slope[0][1], self.near),
                camera.project(slope[0][0], slope[0][1], self.far),
                camera.project(slope[1][0], slope[1][1], self.far),
                camera.project(slope[1][0], slope[1][1], self.near),
            ]
            layer.polygon(outline, shade, Label.BUILDING)

    def _draw_gable_roof(self, stage: Stage) -> None:
        camera, light = stage.camera, stage.light
        layer = stage.canvas.at(self.near)
        eave, ridge = self.height, self.height + self.roof_height
        middle = (self.near + self.far) / 2
        slope = [
            (self.x, eave, self.near), (self._back, eave, self.near),
            (self._back, ridge, middle), (self.x, ridge, middle),
        ]  # fmt: skip
        colour = light.shaded(self.roof, light.on((0, 0.8, -0.6)))
        layer.polygon([camera.project(*corner) for corner in slope], colour, Label.BUILDING)
        gable = [(eave, self.near), (eave, self.far), (ridge, middle)]
        wall = light.shaded(self.facade.wall, light.on((1 if self.x < 0 else -1, 0, 0)))
        layer.polygon([camera.project(self.x, y, z) for y, z in gable], wall, Label.BUILDING)
        edge = [camera.project(self.x, y, z) for y, z in (gable[0], gable[2], gable[1])]
        width = camera.thin(0.25, self.near, 0.5, 5)
        layer.line(edge, width, scaled(colour, 0.8), Label.BUILDING)

    def _draw_chimney(self, stage: Stage) -> None:
        camera, light = stage.camera, stage.light
        layer = stage.canvas.at(self.far)
        x, z = (self.x + self._back) / 2, self.near + 0.7 * (self.far - self.near)
        low, high = self.height, self.height + self.roof_height + 0.9
        box = [(x - 0.4, low), (x - 0.4, high), (x + 0.4, high), (x + 0.4, low)]
        colour = light.shaded(scaled(self.facade.wall, 0.85), light.on((0, 0, -1)))
        layer.polygon([camera.project(a, b, z) for a, b in box], colour, Label.BUILDING)


@dataclass(frozen=True, kw_only=True)
class DistantBlock:
    """A far house seen from its front only; `x` is its left end."""

    x: float
    width: float
    height: float
    depth: float
    wall: Colour
    roof_height: float

    def cast(self, shadows: Shadows) -> None:
        """Too far away to darken the street."""

    def draw(self, stage: Stage) -> None:
        """A wall, a roof and rows of dark windows."""
        camera, light = stage.camera, stage.light
        layer = stage.canvas.at(self.depth)
        wall = light.shaded(self.wall, light.on((0, 0, -1)))
        right, z = self.x + self.width, self.depth
        if self.roof_height > 0:
            middle, top = self.x + self.width / 2, self.height + self.roof_height
            gable = [(self.x, self.height), (middle, top), (right, self.height)]
            outline = [camera.project(x, y, z) for x, y in gable]
            layer.polygon(outline, scaled(wall, 0.7), Label.BUILDING)
        sides = ((self.x, 0), (self.x, self.height), (right, self.height), (right, 0))
        layer.polygon([camera.project(x, y, z) for x, y in sides], wall, Label.BUILDING)
        self._draw_windows(stage, scaled(wall, 0.6))

    def _draw_windows(self, stage: Stage, colour: Colour) -> None:
        camera, layer = stage.camera, stage.canvas.at(self.depth)
        step = 3.0 if camera.scale(self.depth) > 8 else 4.5
        for y in np.arange(1.2, self.height - 1.5, step).tolist():
            for x in np.arange(self.x + 1, self.x + self.width - 1.6, step).tolist():
                left, top = camera.project(x, y + 1.4, self.depth)
                right, bottom = camera.project(x + 1.1, y, self.depth)
                if right > 0 and left < camera.width and bottom > 0:
                    outline = [(left, top), (right, top), (right, bottom), (left, bottom)]
                    layer.polygon(outline, scaled(colour, float(stage.rng.uniform(0.8, 1.3))))


def distant_row(
    rng: np.random.Generator,
    z: float,
    bounds: tuple[float, float],
    city: float,
    walls: Sequence[Colour],
) -> list[DistantBlock]:
    """A row of far houses side by side between two values of x."""  # fmt: skip
    blocks = []
    x = bounds[0]
    while x < bounds[1]:
        width = float(rng.uniform(8, 22))
        tall = float(rng.uniform(4, 8) + city * rng.uniform(0, 18))
        block = DistantBlock(
            x=x,
            width=width,
            height=tall,
            depth=z + float(rng.uniform(0, 8)),
            wall=jittered(rng, picked(rng, walls), 18),
            roof_height=float(rng.uniform(1.5, 4)) if rng.random() < 0.8 - 0.6 * city else 0.0,
        )
        blocks.append(block)
        x += width + (float(rng.uniform(2, 14)) if rng.random() < 0.8 - 0.6 * city else 0.0)
    return blocks


def _resolution(corners: Sequence[Point]) -> tuple[int, int]:
    across = abs(corners[1][0] - corners[0][0]) * 1.3
    tall = max(corners[3][1] - corners[0][1], corners[2][1] - corners[1][1])
    return int(np.clip(across, 16, _FINEST)), int(np.clip(tall, 16, _FINEST))
