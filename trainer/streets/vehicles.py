"""Cars: their kinds and colours, their place in the street and their shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .camera import Point
from .car_body import BodyPainter
from .car_shapes import CAR_SHAPES, Body
from .colour import Colour, jittered, picked
from .shadows import Shadows
from .stage import Stage

_PAINTS: tuple[Colour, ...] = (
    (44, 46, 50), (118, 120, 124), (168, 170, 172), (222, 222, 220), (96, 98, 104), (36, 38, 44),
    (126, 40, 36), (38, 62, 112), (44, 84, 62), (120, 108, 88), (186, 182, 170), (92, 128, 160),
    (146, 96, 58), (164, 62, 50), (70, 78, 70),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Car:
    """A car in the street."""

    body: Body

    @property
    def x(self) -> float:
        """Position of its middle across the street."""
        return self.body.x

    @property
    def depth(self) -> float:
        """Distance of its middle."""
        return self.body.z

    @property
    def span(self) -> Point:
        """Distances of its near and far end."""
        shape, heading = self.body.shape, self.body.heading
        length = abs(math.cos(heading)) * shape.length + abs(math.sin(heading)) * shape.width
        return self.depth - length / 2, self.depth + length / 2

    def cast(self, shadows: Shadows) -> None:
        """A dark pool under the body and the shadow of a box."""
        corners = [
            self.body.ground(across, along)
            for across, along in ((-0.5, 0.0), (0.5, 0.0), (0.5, 1.0), (-0.5, 1.0))
        ]
        shadows.block(corners, max(y for _, y in self.body.shape.hood) * 0.9)
        half_x = (max(x for x, _ in corners) - min(x for x, _ in corners)) / 2
        half_z = (max(z for _, z in corners) - min(z for _, z in corners)) / 2
        shadows.contact(self.x, self.depth, half_x * 1.2, half_z * 1.12, 0.22)

    def draw(self, stage: Stage) -> None:
        """The whole body."""
        BodyPainter(stage, self.body).draw()


def sample_car(rng: np.random.Generator, x: float, z: float, heading: float) -> Car:
    """Draw a car of random kind and colour at a spot."""
    return Car(
        body=Body(
            x=x,
            z=z,
            heading=heading,
            shape=picked(rng, CAR_SHAPES),
            paint=jittered(rng, picked(rng, _PAINTS), 14),
            braking=rng.random() < 0.35,
        )
    )
