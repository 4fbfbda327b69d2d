"""Drawing in metres on an upright plane that faces the camera."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .camera import Point
from .classes import Label
from .colour import Colour
from .stage import Stage


class Billboard:
    """An upright plane at a spot of the ground; points are (metres right, metres up)."""

    def __init__(self, stage: Stage, x: float, z: float, label: Label) -> None:
        self._camera = stage.camera
        self._layer = stage.canvas.at(z)
        self._x = x
        self._z = z
        self._label = label
        self.scale = stage.camera.scale(z)

    def pixel(self, point: Point) -> Point:
        """Where a point of the plane is drawn."""
        return self._camera.project(self._x + point[0], point[1], self._z)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill an outline."""
        self._layer.polygon([self.pixel(point) for point in points], colour, self._label)

    def detail(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill an outline inside what is drawn already; labels stay."""
        self._layer.polygon([self.pixel(point) for point in points], colour)

    def disc(self, centre: Point, width: float, height: float, colour: Colour) -> None:
        """Fill an ellipse of the given extent."""
        radii = (max(0.8, width / 2 * self.scale), max(0.8, height / 2 * self.scale))
        self._layer.disc(self.pixel(centre), radii, colour, self._label)

    def ring(self, centre: Point, width: float, height: float, line: int, colour: Colour) -> None:
        """Draw the rim of an ellipse with a line width in pixels."""
        radii = (max(0.8, width / 2 * self.scale), max(0.8, height / 2 * self.scale))
        self._layer.ring(self.pixel(centre), radii, line, colour, self._label)

    def stroke(self, points: Sequence[Point], line: int, colour: Colour) -> None:
        """Draw a line with a width in pixels."""
        self._layer.line([self.pixel(point) for point in points], line, colour, self._label)

    def limb(self, joints: Sequence[Point], widths: Sequence[float], colour: Colour) -> None:
        """Draw a tapering chain with round joints; one width per joint, in metres."""
        ends = zip(joints, joints[1:], widths, widths[1:], strict=False)
        for start, end, wide, narrow in ends:
            self.polygon(_tapered(start, end, wide, narrow), colour)
        for joint, width in zip(joints[1:], widths[1:], strict=True):
            if width * self.scale > 3:
                self.disc(joint, width, width, colour)


def _tapered(start: Point, end: Point, wide: float, narrow: float) -> list[Point]:
    length = math.hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    across = (-(end[1] - start[1]) / length / 2, (end[0] - start[0]) / length / 2)
    return [
        (start[0] + across[0] * wide, start[1] + across[1] * wide),
        (end[0] + across[0] * narrow, end[1] + across[1] * narrow),
        (end[0] - across[0] * narrow, end[1] - across[1] * narrow),
        (start[0] - across[0] * wide, start[1] - across[1] * wide),
    ]
