"""Who is on the move: cars driving and parked, cyclists and people."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .camera import Camera
from .colour import picked
from .cyclists import sample_cyclist
from .people import sample_person
from .room import Room
from .stage import Thing
from .street import Street
from .vehicles import sample_car

# Parked cars stand with their middle this far from the kerb, and need so much road.
_PARKED_X = 1.05
_PARKED_WIDTH = 2.1


def place_traffic(rng: np.random.Generator, street: Street, camera: Camera) -> Iterator[Thing]:
    """Everyone on the move, none inside another."""
    room = Room()
    yield from _cars(rng, street, camera, room)
    yield from _cyclists(rng, street, camera, room)
    yield from _people(rng, street, camera, room)


def _cars(rng: np.random.Generator, street: Street, camera: Camera, room: Room) -> Iterator[Thing]:
    lane = (street.road_half - (_PARKED_WIDTH if street.parking else 0.0)) / 2
    own = street.drive_side * max(lane, 1.2)
    spots = [(own, z, 0.0) for z in _queue(rng, 11)]
    spots += [(-own, z, math.pi) for z in _queue(rng, 9)]
    if street.parking:
        spots += _parking_spots(rng, street, camera)
    if street.crossing is not None and rng.random() < 0.7:
        direction = picked(rng, (-1, 1))
        z = sum(street.crossing) / 2 + direction * 1.6
        spots.append((float(rng.uniform(-14, 14)), z, direction * math.pi / 2))
    for x, z, heading in spots:
        at = x + float(rng.normal(0, 0.12))
        if room.take_car(at, z, heading):
            yield sample_car(rng, at, z, heading + float(rng.normal(0, 0.03)))


def _queue(rng: np.random.Generator, nearest: float) -> list[float]:
    spots = []
    z = nearest + float(rng.uniform(0, 20))
    while z < 90 and rng.random() < 0.72:
        spots.append(z)
        z += float(rng.uniform(7, 30))
    return spots


def _parking_spots(
    rng: np.random.Generator, street: Street, camera: Camera
) -> list[tuple[float, float, float]]:
    spots = []
    for side in (-1, 1):
        fullness = float(rng.choice([0.0, rng.uniform(0.3, 0.95)], p=[0.25, 0.75]))
        x = street.kerb(side) - side * _PARKED_X
        z = max(6.0, camera.visible_from(x)) + float(rng.uniform(0, 6))
        while z < 70:
            if rng.random() < fullness and not street.crosses(z, 7):
                spots.append((x, z, 0.0 if side == street.drive_side else math.pi))
            z += float(rng.uniform(5.8, 7.2))
    return spots


def _cyclists(
    rng: np.random.Generator, street: Street, camera: Camera, room: Room
) -> Iterator[Thing]:
    beside = _PARKED_WIDTH if street.parking else 0.0
    for _ in range(int(rng.integers(2, 6))):
        side = picked(rng, (-1, 1))
        x = street.kerb(side) - side * (beside + float(rng.uniform(0.4, 1.0)))
        nearest = max(6.5, camera.visible_from(x) * 1.05)
        z = nearest + (42 - nearest) * float(rng.beta(1.0, 2.4))
        if room.take(x, z, 0.6):
            away = side == street.drive_side
            yield sample_cyclist(rng, x, z, 0.0 if away else math.pi)
    if rng.random() < 0.45:
        inside = street.crossing
        z = sum(inside) / 2 if inside is not None else float(rng.uniform(9, 32))
        x = float(rng.uniform(-1, 1)) * street.road_half
        if room.take(x, z, 0.9):
            yield sample_cyclist(rng, x, z, picked(rng, (-1, 1)) * math.pi / 2)


def _people(
    rng: np.random.Generator, street: Street, camera: Camera, room: Room
) -> Iterator[Thing]:
    spots = [_on_pavement(rng, street, camera) for _ in range(_crowd(rng, street.city))]
    friends = [(x + 0.58, z + float(rng.uniform(-0.4, 0.4))) for x, z in spots[::3]]
    for _ in range(int(rng.integers(0, 4))):
        z = street.crossing[0] - 3.0 if street.crossing is not None else float(rng.uniform(12, 45))
        across = float(rng.uniform(-street.road_half, street.road_half))
        spots.append((across, z + float(rng.normal(0, 0.6))))
    for x, z in spots + friends:
        if room.take(x, z, 0.25):
            yield sample_person(rng, x, z)


def _crowd(rng: np.random.Generator, city: float) -> int:
    return int(rng.integers(3, 8 + round(10 * city)))


def _on_pavement(rng: np.random.Generator, street: Street, camera: Camera) -> tuple[float, float]:
    x = street.along_pavement(picked(rng, (-1, 1)), float(rng.uniform(0.2, 0.95)))
    nearest = max(6.0, camera.visible_from(x) * 1.02)
    # Few stand close, many far away.
    return x, nearest + (60 - nearest) * float(rng.beta(1.0, 1.9))
