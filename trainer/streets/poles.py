"""Street lamps, utility poles and the posts that carry signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .shadows import Shadows
from .stage import Stage

METALS: tuple[Colour, ...] = (
    (120, 124, 126), (86, 90, 92), (156, 158, 156), (60, 72, 66), (102, 98, 92),
)  # fmt: skip
_WOOD: tuple[Colour, ...] = ((104, 84, 66), (86, 72, 60), (122, 106, 90))


@dataclass(frozen=True, kw_only=True)
class Pole:
    """An upright pole; `arm` reaches sideways at the top (a lamp) or is 0 (a plain pole)."""

    x: float
    depth: float
    height: float
    thickness: float
    arm: float
    crossbar: bool
    colour: Colour

    def cast(self, shadows: Shadows) -> None:
        """A thin shadow and a spot at the foot."""
        shadows.contact(self.x, self.depth, 0.16, 0.14, 0.6)
        shadows.column(self.x, self.depth, self.thickness / 2, self.height)

    def draw(self, stage: Stage) -> None:
        """The pole, with a lit edge, then what it carries."""
        board = Billboard(stage, self.x, self.depth, Label.POLE)
        camera, light = stage.camera, stage.light
        colour = light.shaded(self.colour, light.on((0, 0, -1)))
        line = camera.thin(self.thickness, self.depth, 2.0, 8.0)
        board.stroke([(0, 0), (0, self.height)], line, colour)
        if line > 3:
            edge = (0.3 if light.towards_sun[0] > 0 else -0.3) * line / board.scale
            board.detail(
                [(edge, 0), (edge, self.height), (edge * 1.5, self.height), (edge * 1.5, 0)],
                scaled(colour, 1.35),
            )
        if self.arm:
            self._draw_lamp(board, max(2, line * 2 // 3), colour)
        if self.crossbar:
            bar = [(-0.9, self.height - 0.4), (0.9, self.height - 0.4)]
            board.stroke(bar, max(2, line * 2 // 3), colour)

    def _draw_lamp(self, board: Billboard, line: int, colour: Colour) -> None:
        top = self.height
        curve = [(0, top), (self.arm * 0.35, top + 0.3), (self.arm, top + 0.35)]
        board.stroke(curve, line, colour)
        tip = self.arm * 1.28
        head = [
            (self.arm, top + 0.42),
            (tip, top + 0.36),
            (tip, top + 0.28),
            (self.arm, top + 0.26),
        ]
        board.polygon(head, scaled(colour, 0.8))


def sample_lamp(rng: np.random.Generator, x: float, z: float, towards_road: int) -> Pole:
    """Draw a street lamp whose arm reaches over the road."""
    return Pole(
        x=x,
        depth=z,
        height=float(rng.uniform(5, 8.5)),
        thickness=float(rng.uniform(0.1, 0.16)),
        arm=towards_road * float(rng.uniform(0.8, 2.2)),
        crossbar=False,
        colour=jittered(rng, picked(rng, METALS), 12),
    )


def sample_utility_pole(rng: np.random.Generator, x: float, z: float) -> Pole:
    """Draw a wooden pole that carries wires."""
    return Pole(
        x=x,
        depth=z,
        height=float(rng.uniform(6, 8.5)),
        thickness=float(rng.uniform(0.15, 0.22)),
        arm=0.0,
        crossbar=True,
        colour=jittered(rng, picked(rng, _WOOD), 12),
    )


def sample_post(rng: np.random.Generator, x: float, z: float, height: float) -> Pole:
    """Draw a thin post for a sign."""
    return Pole(
        x=x,
        depth=z,
        height=height,
        thickness=float(rng.uniform(0.06, 0.09)),
        arm=0.0,
        crossbar=False,
        colour=jittered(rng, picked(rng, METALS), 10),
    )
