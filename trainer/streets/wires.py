"""Wires that hang between poles and houses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .classes import Label
from .light import Vector
from .shadows import Shadows
from .stage import Stage

# Each span is cut into this many pieces, so that things in between hide it in the right order.
_PIECES = 8
_POINTS = 3


@dataclass(frozen=True, kw_only=True)
class WirePiece:
    """A short piece of wire through points of the street."""

    points: Sequence[Vector]
    thickness: float

    @property
    def x(self) -> float:
        """Position of its middle across the street."""
        return self.points[len(self.points) // 2][0]

    @property
    def depth(self) -> float:
        """Distance of its middle."""
        return self.points[len(self.points) // 2][2]

    def cast(self, shadows: Shadows) -> None:
        """Too thin to darken the ground."""

    def draw(self, stage: Stage) -> None:
        """A dark line."""
        camera = stage.camera
        line = camera.thin(self.thickness, self.depth, 2.0, 3.6)
        colour = stage.light.shaded((44, 44, 48), stage.light.ambient + 0.2)
        path = [camera.project(*point) for point in self.points]
        stage.canvas.at(self.depth).line(path, line, colour, Label.WIRE)


def hang_wire(start: Vector, end: Vector, sag: float, thickness: float) -> list[WirePiece]:
    """A wire between two points that sags by so many metres in the middle."""
    count = _PIECES * _POINTS
    path = [_on_chain(start, end, sag, step / count) for step in range(count + 1)]
    pieces = []
    for first in range(0, count, _POINTS):
        points = path[first : first + _POINTS + 1]
        pieces.append(WirePiece(points=points, thickness=thickness))
    return pieces


def _on_chain(start: Vector, end: Vector, sag: float, share: float) -> Vector:
    # A parabola; at street sags a catenary looks the same.
    x, y, z = (a + (b - a) * share for a, b in zip(start, end, strict=True))
    return x, y - 4 * sag * share * (1 - share), z
