"""Where the houses stand: rows along the street, corners at the crossing, and the skyline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .buildings import ROOFS, House, distant_row
from .camera import Camera
from .colour import Colour, jittered, picked
from .facade import sample_facade
from .stage import Thing
from .street import GROUND_BEYOND, Street

_FAR_WALLS: tuple[Colour, ...] = (
    (150, 130, 116), (176, 170, 160), (130, 132, 138), (164, 140, 120), (120, 110, 104),
    (152, 162, 176),
)  # fmt: skip
_SIDES = (-1, 1)


def place_houses(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    """Rows of houses on both sides, interrupted by the crossing, and a skyline."""
    for side in _SIDES:
        wall = street.wall(side)
        # The first house starts where its wall enters the picture: nothing is lost before that.
        z = max(2.5, camera.visible_from(wall) * 0.8)
        corner, neighbour = False, 0.0
        while z < street.length:
            if street.crosses(z, 3.2) and street.crossing is not None:
                z, corner, neighbour = street.crossing[1] + 3.4, True, 0.0
            end = _house_end(rng, street, z)
            if end - z > 4.5:
                house = _sample_house(rng, street, side, (z, end), neighbour, deep=corner)
                yield house
                neighbour = house.height if street.city > 0.5 else 0.0
            corner = False
            detached = rng.random() < 0.85 - 0.8 * street.city
            neighbour = 0.0 if detached else neighbour
            z = max(end, z + 0.5) + (float(rng.uniform(2, 9)) if detached else 0.02)
    yield from _skyline(rng, street)


def _house_end(rng: np.random.Generator, street: Street, z: float) -> float:
    end = z + float(rng.uniform(7.5, 11 + 12 * street.city))
    if street.crossing is not None and z < street.crossing[0] < end + 4:
        return min(end, street.crossing[0] - 3.2)
    return end


def _sample_house(
    rng: np.random.Generator,
    street: Street,
    side: int,
    span: tuple[float, float],
    neighbour: float,
    *,
    deep: bool,
) -> House:
    facade = sample_facade(rng, street.city)
    storeys = 1 + int(rng.integers(0, 2)) + int(street.city * rng.uniform(0.5, 6.5))
    pitched = rng.random() < 0.95 - 0.75 * street.city
    return House(
        x=street.wall(side) + side * float(rng.uniform(0, 1.6) * (street.city < 0.5)),
        depth_out=float(rng.uniform(28, 45) if deep and street.city > 0.4 else rng.uniform(7, 12)),
        near=span[0],
        far=span[1],
        height=storeys * facade.storey + 0.4,
        roof_height=float(rng.uniform(1.8, 4.2)) if pitched else 0.0,
        gable_to_street=rng.random() < 0.35,
        roof=jittered(rng, picked(rng, ROOFS), 16),
        facade=facade,
        chimney=rng.random() < 0.5,
        neighbour=neighbour,
    )


def _skyline(rng: np.random.Generator, street: Street) -> Iterator[Thing]:
    for gap in (8, GROUND_BEYOND - 8):
        yield from distant_row(rng, street.length + gap, (-170, 170), street.city, _FAR_WALLS)
    for side in _SIDES:
        edge = abs(street.wall(side)) + 14
        bounds = (edge, edge + 90) if side > 0 else (-edge - 90, -edge)
        for z in (48.0, 80.0):
            yield from distant_row(rng, z, bounds, street.city * 0.5, _FAR_WALLS)
