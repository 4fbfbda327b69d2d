"""Cyclists: a rider and a bicycle, seen at any angle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .camera import Point
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .people import HAIR, SKIN, TOPS, TROUSERS
from .shadows import Shadows
from .stage import Stage

_FRAMES: tuple[Colour, ...] = (
    (170, 40, 36),
    (40, 60, 120),
    (30, 30, 32),
    (190, 190, 190),
    (40, 110, 80),
)
_HELMETS: tuple[Colour, ...] = ((230, 230, 230), (190, 50, 40), (50, 50, 54), (220, 190, 60))


@dataclass(frozen=True, kw_only=True)
class Cyclist:
    """Someone on a bicycle; `angle` 0 rides away from the camera, a quarter turn to the right."""

    x: float
    depth: float
    angle: float
    pedal: float
    lean: float
    top: Colour
    trousers: Colour
    skin: Colour
    head: Colour
    frame: Colour

    def cast(self, shadows: Shadows) -> None:
        """A long spot below the wheels and a narrow shadow away from the sun."""
        reach = 0.2 + 0.6 * abs(math.sin(self.angle))
        shadows.contact(self.x, self.depth, reach, 0.35, 0.6)
        shadows.column(self.x, self.depth, 0.25 + 0.3 * abs(math.sin(self.angle)), 1.6)

    def draw(self, stage: Stage) -> None:
        """Far leg, bicycle, near leg, body, arms and head."""
        board = Billboard(stage, self.x, self.depth, Label.CYCLIST)
        light = stage.light
        glow = 0.5 * light.on((0, 0, -1)) + 0.5 * light.on((0, 1, 0))
        trousers = light.shaded(self.trousers, glow)
        top = light.shaded(self.top, glow)
        skin = light.shaded(self.skin, glow)
        self._leg(board, -1, scaled(trousers, 0.75))
        self._bicycle(board, stage, light.shaded(self.frame, glow))
        self._leg(board, 1, trousers)
        self._rider(board, top, skin, light.shaded(self.head, glow))

    def _at(self, along: float, y: float, aside: float = 0.0) -> Point:
        return along * math.sin(self.angle) + aside * math.cos(self.angle), y

    def _leg(self, board: Billboard, which: int, colour: Colour) -> None:
        turn = self.pedal + (0.0 if which > 0 else math.pi)
        aside = 0.1 * which
        foot = self._at(0.02 + 0.16 * math.cos(turn), 0.32 + 0.16 * math.sin(turn), aside)
        knee = self._at(0.2 + 0.06 * math.cos(turn), 0.66 + 0.08 * math.sin(turn), aside * 1.2)
        board.limb([self._at(-0.16, 0.96, aside * 0.7), knee, foot], [0.18, 0.13, 0.1], colour)
        board.limb([foot, self._at(0.16, 0.3, aside)], [0.09, 0.07], scaled(colour, 0.6))

    def _bicycle(self, board: Billboard, stage: Stage, frame: Colour) -> None:
        camera = stage.camera
        tyre = camera.thin(0.045, self.depth, 1.0, 6)
        width = max(0.07, 0.68 * abs(math.sin(self.angle)))
        for along in (-0.52, 0.52):
            centre = self._at(along, 0.34)
            board.ring(centre, width, 0.68, tyre, (34, 34, 36))
            if width > 0.3 and board.scale > 70:
                self._spokes(board, centre, width, max(2, tyre // 3))
        tube = camera.thin(0.045, self.depth, 1.0, 5)
        rear, crank, saddle = self._at(-0.52, 0.34), self._at(0, 0.3), self._at(-0.17, 0.86)
        head, front, grip = self._at(0.38, 0.88), self._at(0.52, 0.34), self._at(0.4, 1.04)
        board.stroke([rear, crank, head, saddle, rear], tube, frame)
        board.stroke([saddle, crank], tube, frame)
        board.stroke([grip, head, front], tube, frame)
        board.limb([self._at(-0.3, 0.92), self._at(-0.06, 0.9)], [0.1, 0.06], (30, 28, 28))
        board.stroke([self._at(0.4, 1.04, -0.28), self._at(0.4, 1.04, 0.28)], tube, (40, 40, 42))

    def _spokes(self, board: Billboard, centre: Point, width: float, line: int) -> None:
        for step in range(4):
            turn = self.pedal + step * math.pi / 4
            reach = (width / 2 * math.cos(turn), 0.34 * math.sin(turn))
            ends = [
                (centre[0] - reach[0], centre[1] - reach[1]),
                (centre[0] + reach[0], centre[1] + reach[1]),
            ]
            board.stroke(ends, line, (84, 84, 88))

    def _rider(self, board: Billboard, top: Colour, skin: Colour, head: Colour) -> None:
        broad = 0.26 + 0.16 * abs(math.cos(self.angle))
        hip = self._at(-0.17, 0.98)
        chest = self._at(-0.17 + 0.42 * math.sin(self.lean), 0.98 + 0.42 * math.cos(self.lean))
        board.limb([hip, chest], [broad * 0.85, broad], top)
        for which in (-1, 1):
            shade = scaled(top, 0.85 if which < 0 else 1.08)
            shoulder = (chest[0] + 0.17 * which * math.cos(self.angle), chest[1] - 0.02)
            elbow = self._at(0.2, 1.14, 0.26 * which)
            hand = self._at(0.4, 1.06, 0.24 * which)
            board.limb([shoulder, elbow, hand], [0.12, 0.1, 0.08], shade)
            board.disc(hand, 0.09, 0.09, skin)
        face = (chest[0] + 0.06 * math.sin(self.angle), chest[1] + 0.27)
        board.limb([chest, face], [0.12, 0.1], scaled(skin, 0.8))
        board.disc(face, 0.18, 0.24, skin)
        board.disc((face[0], face[1] + 0.06), 0.23, 0.17, head)


def sample_cyclist(rng: np.random.Generator, x: float, z: float, angle: float) -> Cyclist:
    """Dress someone and put them on a bicycle at a spot, riding in a direction."""
    return Cyclist(
        x=x,
        depth=z,
        angle=angle + float(rng.normal(0, 0.2)),
        pedal=float(rng.uniform(0, 2 * math.pi)),
        lean=float(rng.uniform(0.15, 0.7)),
        top=jittered(rng, picked(rng, TOPS), 16),
        trousers=jittered(rng, picked(rng, TROUSERS), 10),
        skin=jittered(rng, picked(rng, SKIN), 8),
        head=picked(rng, _HELMETS if rng.random() < 0.6 else HAIR),
        frame=picked(rng, _FRAMES),
    )
