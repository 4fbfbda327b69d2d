"""The plan of one street: how wide, how built up, with or without a crossing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Camera

# The ground ends so many metres behind the last house, where the skyline stands.
GROUND_BEYOND = 40.0

# A road at least this wide from its centre has room for parked cars.
_PARKING_HALF = 4.0


@dataclass(frozen=True, kw_only=True)
class Street:
    """Plan of a street along z, its centre line at x = 0; metres throughout.

    `city` runs from 0 (open suburb) to 1 (dense city). Sides are -1 (left) and 1 (right); traffic
    in the camera's direction keeps to the side `drive_side`.
    """

    road_half: float
    pavement: tuple[float, float]
    yard: tuple[float, float]
    city: float
    drive_side: int
    crossing: tuple[float, float] | None
    parking: bool
    length: float

    def kerb(self, side: int) -> float:
        """x of the edge of the road."""
        return side * self.road_half

    def pavement_end(self, side: int) -> float:
        """x of the far edge of the pavement."""
        return side * (self.road_half + self._of(self.pavement, side))

    def wall(self, side: int) -> float:
        """x of the house fronts."""
        return self.pavement_end(side) + side * self._of(self.yard, side)

    def along_pavement(self, side: int, share: float) -> float:
        """x at a share of the way from the kerb to the far edge of the pavement."""
        return self.kerb(side) + share * (self.pavement_end(side) - self.kerb(side))

    def crosses(self, z: float, margin: float = 0.0) -> bool:
        """Whether the crossing road, widened by a margin, covers this distance."""
        if self.crossing is None:
            return False
        return self.crossing[0] - margin < z < self.crossing[1] + margin

    @staticmethod
    def _of(pair: tuple[float, float], side: int) -> float:
        return pair[0] if side < 0 else pair[1]


def sample_street(rng: np.random.Generator) -> Street:
    """Draw the plan of a street."""
    city = float(rng.choice([rng.uniform(0, 0.3), rng.uniform(0.3, 0.7), rng.uniform(0.7, 1)]))
    start = float(rng.uniform(16, 45))
    crossing = (start, start + float(rng.uniform(6, 11))) if rng.random() < 0.4 else None
    yards = rng.uniform(0.0, 1.0, 2) * (7 - 8 * city) + 2.5 * (1 - city)
    road_half = float(rng.uniform(2.9, 5.2 + 1.6 * city))
    return Street(
        road_half=road_half,
        pavement=(float(rng.uniform(1.8, 4.2)), float(rng.uniform(1.8, 4.2))),
        yard=(max(0.0, float(yards[0])), max(0.0, float(yards[1]))),
        city=city,
        drive_side=1 if rng.random() < 0.7 else -1,
        crossing=crossing,
        parking=road_half > _PARKING_HALF and rng.random() < 0.85,
        length=float(rng.uniform(75, 150)),
    )


def sample_camera(rng: np.random.Generator, street: Street, width: int, height: int) -> Camera:
    """Draw a camera in the right lane of the street; sizes are those of the drawing surface."""
    curved = rng.random() < 0.5
    hilly = rng.random() < 0.4
    return Camera(
        width=width,
        height=height,
        focal=height * float(rng.uniform(0.92, 1.25)),
        horizon=height * float(rng.uniform(0.4, 0.52)),
        eye_height=float(rng.uniform(1.15, 1.9)),
        eye_x=street.drive_side * street.road_half * float(rng.uniform(0.25, 0.5)),
        heading=float(rng.normal(0, 0.08)),
        bend=float(rng.uniform(-0.0022, 0.0022)) if curved else 0.0,
        rise=float(rng.uniform(0.0001, 0.0006)) if hilly else 0.0,
        roll=float(rng.normal(0, 0.012)),
    )
