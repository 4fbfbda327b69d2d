"""The kinds of car as side views, and where the points of such a body lie in the street."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .camera import NEAREST, Point
from .colour import Colour
from .light import Vector

# The cabin is this much narrower than the body at the roof, on each side, in metres.
TUMBLEHOME = 0.16

Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class CarShape:
    """Length and width in metres; outlines are (share of length from the tail, metres up).

    `hood` runs over the car from the tail lamps to the front bumper. Points from `cabin[0]` to
    `cabin[1]` belong to the cabin, which is narrower towards the roof and glazed at its sides.
    """

    length: float
    width: float
    hood: Outline
    cabin: tuple[int, int]
    pillars: tuple[float, ...]
    wheel: float
    axles: tuple[float, float]
    glass_rear: bool


@dataclass(frozen=True, kw_only=True)
class Body:
    """Shape, paint and place of one car body; `heading` 0 points away from the camera."""

    x: float
    z: float
    heading: float
    shape: CarShape
    paint: Colour
    braking: bool

    def ground(self, across: float, along: float) -> Point:
        """Street x and z of shares of the width (from the middle) and length (from the tail)."""
        side = across * self.shape.width
        ahead = (along - 0.5) * self.shape.length
        sine, cosine = math.sin(self.heading), math.cos(self.heading)
        return self.x + side * cosine + ahead * sine, self.z - side * sine + ahead * cosine

    def place(self, across: float, along: float, y: float) -> Vector:
        """The same spot at a height."""
        x, z = self.ground(across, along)
        return x, y, max(z, NEAREST)


HATCHBACK = CarShape(
    length=3.9, width=1.72,
    hood=((0.0, 0.32), (0.0, 0.92), (0.1, 1.42), (0.2, 1.48), (0.5, 1.47), (0.72, 0.98),
          (0.95, 0.78), (1.0, 0.6), (1.0, 0.28)),
    cabin=(1, 5), pillars=(0.24, 0.46), wheel=0.31, axles=(0.17, 0.82), glass_rear=True,
)  # fmt: skip
SALOON = CarShape(
    length=4.6, width=1.8,
    hood=((0.0, 0.34), (0.0, 0.86), (0.04, 0.98), (0.15, 1.0), (0.28, 1.4), (0.38, 1.45),
          (0.53, 1.43), (0.7, 0.97), (0.95, 0.76), (1.0, 0.6), (1.0, 0.28)),
    cabin=(3, 7), pillars=(0.4,), wheel=0.32, axles=(0.19, 0.81), glass_rear=True,
)  # fmt: skip
ESTATE = CarShape(
    length=4.7, width=1.8,
    hood=((0.0, 0.34), (0.0, 0.95), (0.07, 1.42), (0.15, 1.5), (0.52, 1.47), (0.7, 0.99),
          (0.95, 0.78), (1.0, 0.6), (1.0, 0.28)),
    cabin=(1, 5), pillars=(0.2, 0.38), wheel=0.32, axles=(0.19, 0.81), glass_rear=True,
)  # fmt: skip
OFF_ROADER = CarShape(
    length=4.5, width=1.9,
    hood=((0.0, 0.42), (0.0, 1.08), (0.05, 1.62), (0.12, 1.72), (0.52, 1.7), (0.68, 1.16),
          (0.96, 1.02), (1.0, 0.8), (1.0, 0.38)),
    cabin=(1, 5), pillars=(0.2, 0.38), wheel=0.37, axles=(0.18, 0.81), glass_rear=True,
)  # fmt: skip
VAN = CarShape(
    length=5.2, width=2.0,
    hood=((0.0, 0.4), (0.0, 1.1), (0.01, 2.2), (0.05, 2.3), (0.7, 2.25), (0.86, 1.3),
          (0.98, 1.0), (1.0, 0.75), (1.0, 0.35)),
    cabin=(1, 5), pillars=(0.05, 0.66), wheel=0.34, axles=(0.17, 0.82), glass_rear=False,
)  # fmt: skip

# Repeated entries are likelier.
CAR_SHAPES = (HATCHBACK, HATCHBACK, SALOON, SALOON, ESTATE, OFF_ROADER, OFF_ROADER, VAN)
