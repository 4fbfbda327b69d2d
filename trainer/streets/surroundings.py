"""What stands along the street: trees, poles, signs, fences and wires."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from .camera import Camera
from .clutter import sample_clutter
from .colour import picked
from .crowns import Crown
from .fences import GARDEN_KINDS, KERB_KINDS, build_fence
from .plants import sample_bush, sample_tree
from .poles import Pole, sample_lamp, sample_post, sample_utility_pole
from .signs import sample_sign
from .stage import Thing
from .street import Street
from .wires import hang_wire

_SIDES = (-1, 1)


def place_plants(
    rng: np.random.Generator, street: Street, camera: Camera, crowns: Sequence[Crown]
) -> Iterator[Thing]:
    """Street trees, garden trees and bushes."""
    season = float(rng.random())
    autumn, bare = season > 0.8, season < 0.07

    def tree(x: float, z: float) -> Thing:
        return sample_tree(rng, (x, z), crowns, autumn=autumn, bare=bare)

    for side in _SIDES:
        avenue = rng.random() < 0.55
        x = street.along_pavement(side, 0.22)
        for z in _spots(rng, max(9.0, camera.visible_from(x)), 80, (9, 20)):
            if avenue and not street.crosses(z, 2):
                yield tree(x, z)
        yard = abs(street.wall(side)) - abs(street.pavement_end(side))
        if yard > 1.2:
            yield from _garden(rng, street, side, camera, crowns)
            for z in _spots(rng, 14, 90, (9, 24)):
                x = street.pavement_end(side) + side * yard * float(rng.uniform(0.4, 0.9))
                yield tree(x, z)
        for _ in range(int(rng.integers(2, 10))):
            x = street.wall(side) + side * float(rng.uniform(13, 60))
            yield tree(x, float(rng.uniform(34, 110)))
    for _ in range(int(10 * (1 - street.city))):
        yield tree(float(rng.uniform(-60, 60)), street.length + float(rng.uniform(2, 8)))


def _garden(
    rng: np.random.Generator, street: Street, side: int, camera: Camera, crowns: Sequence[Crown]
) -> Iterator[Thing]:
    x = street.pavement_end(side) + side * 0.9
    for z in _spots(rng, max(7.0, camera.visible_from(x)), 60, (2, 9)):
        if not street.crosses(z, 2.5):
            yield sample_bush(rng, (x + side * float(rng.uniform(0, 0.6)), z), crowns)


def place_furniture(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    """Lamps, signs and clutter on the pavements."""
    lamp_gap = float(rng.uniform(16, 30))
    for side in _SIDES:
        x = street.along_pavement(side, 0.1)
        start = max(8.0, camera.visible_from(x)) + float(rng.uniform(0, 14))
        for z in np.arange(start, 120, lamp_gap).tolist():
            if not street.crosses(z, 1):
                yield sample_lamp(rng, x, z, -side)
        for z in _spots(rng, max(7.0, camera.visible_from(x)), 60, (7, 30)):
            yield from _signed_post(rng, street, side, z)
        for z in _spots(rng, max(7.0, camera.visible_from(x)), 40, (8, 40)):
            at = street.along_pavement(side, float(rng.uniform(0.65, 0.95)))
            yield sample_clutter(rng, at, z)


def _signed_post(rng: np.random.Generator, street: Street, side: int, z: float) -> Iterator[Thing]:
    if street.crosses(z, 1):
        return
    x = street.along_pavement(side, float(rng.uniform(0.1, 0.3)))
    height = float(rng.uniform(2.2, 3.0))
    yield sample_post(rng, x, z, height + 0.25)
    # A little nearer than its post, so that the plate covers it.
    yield sample_sign(rng, x, z - 0.06, height)
    if rng.random() < 0.3:
        yield sample_sign(rng, x, z - 0.06, height - 0.85)


def place_fences(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    """Garden fences behind the pavement, railings at the kerb."""
    for side in _SIDES:
        has_yard = abs(street.wall(side)) - abs(street.pavement_end(side)) > 0.9
        x = street.pavement_end(side) if has_yard else street.along_pavement(side, 0.06)
        kinds = GARDEN_KINDS if has_yard else KERB_KINDS
        if rng.random() > (0.85 if has_yard else 0.5):
            continue
        z = max(4.5, camera.visible_from(x) * 0.95) + float(rng.uniform(0, 3))
        while z < 55:
            end = z + float(rng.uniform(7, 22))
            if not any(street.crosses(spot, 3) for spot in (z, (z + end) / 2, end)):
                yield from build_fence(rng, (x, z), (x, end), kinds)
                if has_yard and rng.random() < 0.6:
                    yield from build_fence(rng, (x, end), (street.wall(side), end), kinds)
            z = end + float(rng.uniform(1.5, 12))


def place_wires(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    """A line of utility poles, wires across the street and the wires of a tram."""
    chances = rng.random(3)
    across_only = street.city > 0.6
    if chances[0] < (0.35 if across_only else 0.7):
        yield from _pole_line(rng, street, camera)
    if chances[1] < (0.8 if across_only else 0.45):
        for _ in range(int(rng.integers(1, 2 + round(4 * street.city)))):
            yield from _across(rng, street)
    if chances[2] < 0.25:
        yield from _tram_wires(rng, street)


def _pole_line(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    side = picked(rng, _SIDES)
    x = street.along_pavement(side, 0.93)
    gap = float(rng.uniform(18, 32))
    first = max(7.0, camera.visible_from(x)) + float(rng.uniform(0, 8))
    poles = [sample_utility_pole(rng, x, z) for z in np.arange(first, 130, gap).tolist()]
    yield from poles
    yield from _lines_along(rng, poles, (x, poles[0].height, max(2.0, first - gap)))
    for pole in poles[:3]:
        if rng.random() < 0.6:
            house = (street.wall(-side), pole.height - 1.5, pole.depth + 3)
            yield from hang_wire((x, pole.height - 0.4, pole.depth), house, 0.5, 0.025)


def _lines_along(
    rng: np.random.Generator, poles: Sequence[Pole], start: tuple[float, float, float]
) -> Iterator[Thing]:
    sag = float(rng.uniform(0.3, 0.9))
    stops = [start] + [(pole.x, pole.height, pole.depth) for pole in poles]
    for shift, drop in ((-0.8, 0.4), (0.8, 0.4), (0.0, 0.05))[: int(rng.integers(1, 4))]:
        for (x0, y0, z0), (x1, y1, z1) in itertools.pairwise(stops):
            begin, end = (x0 + shift, y0 - drop, z0), (x1 + shift, y1 - drop, z1)
            yield from hang_wire(begin, end, sag, 0.025)


def _across(rng: np.random.Generator, street: Street) -> Iterator[Thing]:
    z, height = float(rng.uniform(9, 45)), float(rng.uniform(4.5, 7.5))
    ends = []
    for side in _SIDES:
        end = z + float(rng.uniform(-2, 2))
        if street.city > 0.5:
            ends.append((street.wall(side), height + float(rng.uniform(-0.5, 0.5)), end))
        else:
            # Low houses with gaps between them offer no hold.
            pole = sample_utility_pole(rng, street.along_pavement(side, 0.93), end)
            yield pole
            ends.append((pole.x, pole.height - 0.4, end))
    yield from hang_wire(ends[0], ends[1], float(rng.uniform(0.2, 1.0)), 0.03)


def _tram_wires(rng: np.random.Generator, street: Street) -> Iterator[Thing]:
    height, gap = float(rng.uniform(5.2, 6.2)), float(rng.uniform(18, 26))
    stops = np.arange(4.0, 110, gap).tolist()
    for lane in (-0.45, 0.45):
        x = lane * street.road_half
        for near, far in itertools.pairwise(stops):
            yield from hang_wire((x, height, near), (x, height, far), 0.15, 0.02)
    for z in stops[1:]:
        ends = ((street.wall(-1), height + 0.9, z), (street.wall(1), height + 0.9, z))
        yield from hang_wire(*ends, 0.9, 0.02)


def _spots(
    rng: np.random.Generator, start: float, end: float, gap: tuple[float, float]
) -> Iterator[float]:
    z = start + float(rng.uniform(0, gap[1]))
    while z < end:
        yield z
        z += float(rng.uniform(*gap))
