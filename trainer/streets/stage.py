"""What every thing in a scene is given to draw itself with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .camera import Camera
from .canvas import Canvas
from .light import Light
from .shadows import Shadows
from .texture import Textures


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The camera, surface, light and noise shared by all things of a scene."""

    camera: Camera
    canvas: Canvas
    light: Light
    textures: Textures
    rng: np.random.Generator


class Thing(Protocol):
    """Something that stands in the street."""

    @property
    def x(self) -> float:
        """Position across the street."""

    @property
    def depth(self) -> float:
        """Distance by which things are ordered, far to near."""

    def cast(self, shadows: Shadows) -> None:
        """Darken the ground around the thing."""

    def draw(self, stage: Stage) -> None:
        """Draw the thing over everything behind it."""
