"""People on foot: jointed figures in many poses and clothes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .camera import Point
from .classes import Label
from .colour import Colour, jittered, picked, scaled
from .shadows import Shadows
from .stage import Stage

SKIN: tuple[Colour, ...] = ((226, 182, 152), (198, 148, 114), (146, 100, 74), (96, 66, 50))
HAIR: tuple[Colour, ...] = (
    (40, 32, 28),
    (86, 60, 40),
    (150, 116, 70),
    (130, 130, 130),
    (24, 24, 26),
)
TOPS: tuple[Colour, ...] = (
    (46, 48, 54), (62, 66, 84), (120, 40, 40), (176, 60, 48), (58, 92, 66), (200, 196, 188),
    (112, 96, 80), (52, 80, 130), (148, 150, 150), (210, 170, 60), (88, 76, 64), (130, 110, 140),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (40, 42, 50), (56, 66, 92), (70, 64, 58), (100, 96, 92), (34, 34, 36), (130, 116, 94),
)  # fmt: skip

# The figure is designed for this height and scaled to the person's.
_MODEL_HEIGHT = 1.75


@dataclass(frozen=True, kw_only=True)
class Person:
    """Someone standing or walking; `stride` in -1..1 swings the legs, `turn` 0 faces the camera."""

    x: float
    depth: float
    height: float
    stride: float
    turn: float
    top: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    coat: float
    build: float
    bag: bool

    def cast(self, shadows: Shadows) -> None:
        """A soft spot at the feet and a narrow shadow away from the sun."""
        shadows.contact(self.x, self.depth, 0.32, 0.22)
        shadows.column(self.x, self.depth, 0.2, self.height)

    def draw(self, stage: Stage) -> None:
        """Far arm and leg first, then body, near limbs and head."""
        board = Billboard(stage, self.x, self.depth, Label.PERSON)
        light = stage.light
        glow = 0.5 * light.on((0, 0, -1)) + 0.5 * light.on((0, 1, 0))
        tone = _Tones(
            top=light.shaded(self.top, glow),
            trousers=light.shaded(self.trousers, glow),
            skin=light.shaded(self.skin, glow),
            hair=light.shaded(self.hair, glow),
        )
        self._leg(board, -1, scaled(tone.trousers, 0.78), scaled(tone.hair, 0.7))
        self._arm(board, -1, scaled(tone.top, 0.76), scaled(tone.skin, 0.85))
        self._leg(board, 1, tone.trousers, scaled(tone.hair, 0.8))
        sunny = 1 if light.towards_sun[0] > 0 else -1
        self._body(board, tone, sunny)
        self._arm(board, 1, scaled(tone.top, 1.1), tone.skin)
        self._head(board, tone, sunny)
        if self.bag:
            self._bag(board, scaled(tone.trousers, 0.8))

    def _at(self, x: float, y: float) -> Point:
        scale = self.height / _MODEL_HEIGHT
        return x * scale * self.build, y * scale

    def _leg(self, board: Billboard, which: int, colour: Colour, shoe: Colour) -> None:
        swing = self.stride * which
        along, apart = math.sin(self.turn), math.cos(self.turn) * which
        lift = 0.09 * max(0.0, swing)
        hip = self._at(0.085 * apart, 0.92)
        knee = self._at(0.09 * apart + 0.2 * swing * along, 0.5 + lift * 0.7)
        foot = self._at(0.1 * apart + 0.38 * swing * along, 0.07 + lift)
        board.limb([hip, knee, foot], [0.19, 0.14, 0.1], colour)
        toe = self._at(0.1 * apart + 0.38 * swing * along + 0.15 * along, 0.04 + lift)
        board.limb([foot, toe], [0.1, 0.08], shoe)

    def _arm(self, board: Billboard, which: int, colour: Colour, skin: Colour) -> None:
        swing = -self.stride * which
        along, apart = math.sin(self.turn), math.cos(self.turn) * which
        shoulder = self._at(0.19 * apart, 1.4)
        elbow = self._at(0.235 * apart + 0.13 * swing * along, 1.14)
        hand = self._at(0.225 * apart + 0.3 * swing * along + 0.06 * along, 0.9 + 0.1 * abs(swing))
        board.limb([shoulder, elbow, hand], [0.125, 0.1, 0.075], colour)
        board.disc(hand, 0.085, 0.1, skin)

    def _body(self, board: Billboard, tone: _Tones, sunny: int) -> None:
        wide = 0.13 + 0.085 * abs(math.cos(self.turn))
        hem = 0.88 - self.coat
        flare = 1 + self.coat * 0.7
        half = [(0.05, 1.5), (wide, 1.43), (wide * 0.95, 1.2), (wide * 0.84, 1.02)]
        half.append((wide * 0.86 * flare, hem))
        right = [self._at(x, y) for x, y in half]
        left = [self._at(-x, y) for x, y in reversed(half)]
        board.polygon(right + left, tone.top)
        shade_edge = [self._at(-x * sunny, y) for x, y in half]
        shade_core = [self._at(-x * sunny * 0.3, y) for x, y in reversed(half)]
        board.detail(shade_edge + shade_core, scaled(tone.top, 0.78))

    def _head(self, board: Billboard, tone: _Tones, sunny: int) -> None:
        ahead = 0.03 * math.sin(self.turn)
        board.limb([self._at(0, 1.45), self._at(ahead, 1.56)], [0.11, 0.1], scaled(tone.skin, 0.8))
        board.disc(self._at(ahead, 1.63), 0.18, 0.25, tone.skin)
        facing_away = math.cos(self.turn) < 0
        drop = 0.0 if facing_away else 0.055
        board.disc(self._at(ahead * 0.3, 1.65 + drop), 0.19, 0.24 - 2 * drop, tone.hair)
        glint = self._at(ahead * 0.3 + 0.04 * sunny, 1.72)
        if board.scale > 60:
            board.disc(glint, 0.08, 0.05, scaled(tone.hair, 1.4))

    def _bag(self, board: Billboard, colour: Colour) -> None:
        side = -0.16 * math.sin(self.turn) + 0.2 * math.cos(self.turn)
        corners = [(-0.1, 0.82), (-0.11, 1.16), (0.1, 1.18), (0.1, 0.82)]
        board.polygon([self._at(side + x, y) for x, y in corners], colour)


@dataclass(frozen=True, kw_only=True)
class _Tones:
    top: Colour
    trousers: Colour
    skin: Colour
    hair: Colour


def sample_person(rng: np.random.Generator, x: float, z: float) -> Person:
    """Dress and pose someone at a spot."""
    child = rng.random() < 0.15
    walking = rng.random() < 0.75
    turn = float(rng.choice([-1.4, 1.4, 0.3, math.pi - 0.3])) + float(rng.normal(0, 0.35))
    return Person(
        x=x,
        depth=z,
        height=float(rng.uniform(1.05, 1.4) if child else rng.normal(1.74, 0.08)),
        stride=float(rng.uniform(-1, 1)) if walking else float(rng.uniform(-0.12, 0.12)),
        turn=turn,
        top=jittered(rng, picked(rng, TOPS), 14),
        trousers=jittered(rng, picked(rng, TROUSERS), 10),
        skin=jittered(rng, picked(rng, SKIN), 8),
        hair=jittered(rng, picked(rng, HAIR), 8),
        coat=float(rng.choice([0.0, 0.0, 0.12, 0.34])),
        build=float(rng.uniform(0.92, 1.22)),
        bag=rng.random() < 0.35,
    )
