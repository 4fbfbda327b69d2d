"""A pin-hole camera above a street: metres on the ground plane to pixels and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

# Everything nearer than this is left out, so that no projection blows up.
NEAREST = 0.8

# The ground ends here; the skyline hides the edge.
FARTHEST = 320.0


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Where the camera looks from; x is right, y up, z forward, all in metres.

    `heading`, `bend` and `rise` shift the whole street with distance: a turned camera, a curve and
    a hill. All pixel values refer to the drawing surface.
    """

    width: int
    height: int
    focal: float
    horizon: float
    eye_height: float
    eye_x: float
    heading: float
    bend: float
    rise: float
    roll: float

    def offset(self, x: float, z: float) -> float:
        """How far right of the line of sight a point of the street lies."""
        return x - self.eye_x + self.heading * z + self.bend * z * z

    def project(self, x: float, y: float, z: float) -> Point:
        """The pixel where a point of the street appears; y counts from the local ground."""
        scale = self.focal / z
        right = self.offset(x, z) * scale
        down = (self.eye_height - y - self.rise * z * z) * scale
        return (
            self.width / 2 + right - self.roll * down,
            self.horizon + down + self.roll * right,
        )

    def scale(self, z: float) -> float:
        """Pixels per metre at a distance."""
        return self.focal / z

    def thin(self, metres: float, z: float, least: float, most: float) -> int:
        """Drawn width of a thin thing, kept between limits given for a picture 512 pixels high."""
        unit = self.height / 512
        width = min(max(metres * self.scale(z), least * unit), most * unit)
        return max(2, round(width))

    def strip(self, x_from: float, x_to: float, z_from: float, z_to: float) -> list[Point]:
        """Outline of a ground strip, with enough points to follow curves and hills."""
        straight = self.bend == 0 and self.rise == 0
        steps = 2 if straight or z_to < z_from * 1.2 else 14
        ratio = (z_to / z_from) ** (1 / (steps - 1))
        depths = [z_from * ratio**step for step in range(steps)]
        near_side = [self.project(x_from, 0, z) for z in depths]
        return near_side + [self.project(x_to, 0, z) for z in reversed(depths)]

    def visible_from(self, x: float) -> float:
        """The distance at which a line along the street at x enters the picture."""
        reach = self.width / 2 / self.focal
        side = math.copysign(1.0, x - self.eye_x)
        return abs(x - self.eye_x) / max(0.2, reach - side * self.heading)

    def visible_height(self, z: float) -> float:
        """Height above the ground that the upper edge of the picture shows at a distance."""
        slack = abs(self.roll) * self.width / 2
        return self.eye_height + z * (self.horizon + slack) / self.focal

    def ground_grid(self, first_row: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Street x and z of every second pixel (one per finished pixel) from a row downwards."""
        rows = np.arange(first_row, self.height // 2, dtype=np.float32)[:, None] * 2 + 1
        columns = np.arange(self.width // 2, dtype=np.float32)[None, :] * 2 + 1
        right = (columns - self.width / 2 + self.roll * (rows - self.horizon)) / self.focal
        down = (rows - self.horizon - self.roll * (columns - self.width / 2)) / self.focal
        root = np.sqrt(np.maximum(down, 0) ** 2 + 4 * self.rise * self.eye_height)
        z = 2 * self.eye_height / np.maximum(down + root, 2 * self.eye_height / FARTHEST)
        x = right * z - self.heading * z - self.bend * z * z + self.eye_x
        return x.astype(np.float32), z.astype(np.float32)
