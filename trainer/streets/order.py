"""The order in which things are drawn: what is in front comes last."""

from __future__ import annotations

from collections.abc import Sequence

from .camera import Camera
from .stage import Thing
from .vehicles import Car


def far_to_near(things: Sequence[Thing], camera: Camera) -> list[Thing]:
    """The things sorted so that each may be drawn over those before it.

    Depth alone decides, except beside a car: it is so long that what stands level with it is
    behind it on the pavement side and in front of it on the road side.
    """
    depths = [thing.depth for thing in things]
    cars = [thing for thing in things if isinstance(thing, Car)]
    for car in cars:
        near, far = car.span
        aside = abs(camera.offset(car.x, car.depth))
        for index, thing in enumerate(things):
            if not near < thing.depth < far or isinstance(thing, Car):
                continue
            out = _outside(thing, car, camera)
            if out > aside and thing.depth < car.depth:
                depths[index] = car.depth + 0.001 * (thing.depth - near)
            elif 0 < out < aside and thing.depth > car.depth:
                depths[index] = car.depth - 0.001 * (far - thing.depth)
    ranks = sorted(range(len(things)), key=lambda index: -depths[index])
    return [things[index] for index in ranks]


def _outside(thing: Thing, car: Car, camera: Camera) -> float:
    # Positive on the car's own side of the line of sight, further out the larger.
    offset = camera.offset(thing.x, thing.depth)
    return offset if camera.offset(car.x, car.depth) > 0 else -offset
