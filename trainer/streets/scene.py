"""One street scene from a seed: plan it, place everything, draw it and photograph it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .canvas import OVERSAMPLING, Canvas
from .classes import Label
from .clutter import draw_own_bonnet
from .crowns import make_crowns
from .ground import paint_ground
from .housing import place_houses
from .lens import sample_lens, take_photo
from .light import sample_light
from .order import far_to_near
from .shadows import Shadows
from .sky import paint_sky
from .stage import Stage, Thing
from .street import Street, sample_camera, sample_street
from .surroundings import (
    place_fences,
    place_furniture,
    place_plants,
    place_wires,
)
from .texture import make_textures, window
from .traffic import place_traffic

# Names the disk cache of drawn pictures: raise it whenever the pictures change.
VERSION = 1


# Classes whose borders may be left undecided.
_SOLID = (Label.ROAD, Label.PAVEMENT, Label.BUILDING, Label.SKY, Label.CAR)


def render(
    seed: int, size: tuple[int, int] = (512, 1024)
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the scene of a seed; `size` is height and width.

    Returns the photo (uint8, height x width x 3) and its labels (uint8, height x width).
    """
    height, width = size
    rng = np.random.default_rng(seed)
    street = sample_street(rng)
    camera = sample_camera(rng, street, width * OVERSAMPLING, height * OVERSAMPLING)
    light = sample_light(rng)
    lens = sample_lens(rng)
    things = _place_all(rng, street, camera, 1 if light.towards_sun[0] > 0 else -1)
    stage = Stage(
        camera=camera,
        canvas=Canvas(width, height, light.haze, light.visibility),
        light=light,
        textures=make_textures(rng),
        rng=rng,
    )
    _draw(stage, street, things)
    photo, labels = stage.canvas.finished()
    return take_photo(stage, photo, labels, lens), _with_unsure_outlines(stage, labels)


def _place_all(
    rng: np.random.Generator, street: Street, camera: Camera, sunny_side: int
) -> list[Thing]:
    crowns = make_crowns(rng, sunny_side, float(rng.random()))
    things = [
        *place_houses(rng, street, camera),
        *place_plants(rng, street, camera, crowns),
        *place_furniture(rng, street, camera),
        *place_fences(rng, street, camera),
        *place_wires(rng, street, camera),
        *place_traffic(rng, street, camera),
    ]
    return far_to_near(things, camera)


def _draw(stage: Stage, street: Street, things: list[Thing]) -> None:
    paint_sky(stage)
    shadows = Shadows(stage.camera, stage.light)
    for thing in things:
        thing.cast(shadows)
    paint_ground(stage, street, shadows)
    for thing in things:
        thing.draw(stage)
    if stage.rng.random() < 0.4:
        draw_own_bonnet(stage)


def _with_unsure_outlines(stage: Stage, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # A human labeller leaves some borders between large things undecided; thin things stay whole.
    height, width = labels.shape
    unsure = window(stage.textures.cloud, height, width, stage.rng) > 0.8
    solid = np.isin(labels, _SOLID)
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, 1:] = (labels[:, 1:] != labels[:, :-1]) & solid[:, 1:] & solid[:, :-1]
    edge[1:] |= (labels[1:] != labels[:-1]) & solid[1:] & solid[:-1]
    return np.where(edge & unsure, np.uint8(Label.VOID), labels)
