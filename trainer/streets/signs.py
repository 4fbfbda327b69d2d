"""Traffic signs: several shapes with simple symbols."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .billboard import Billboard
from .camera import Point
from .classes import Label
from .colour import Colour, jittered, mixed, picked, scaled
from .shadows import Shadows
from .stage import Stage

_RED: Colour = (186, 36, 34)
_BLUE: Colour = (32, 74, 150)
_WHITE: Colour = (232, 232, 226)
_YELLOW: Colour = (226, 180, 40)
_BLACK: Colour = (36, 36, 38)
_GREEN: Colour = (30, 100, 66)
_BACK: Colour = (132, 134, 136)

# Outlines around (0, 0) that fit a circle of radius 1.
_CORNERS: dict[str, tuple[int, float]] = {
    "round": (18, 0.0),
    "warning": (3, math.pi / 2),
    "yield": (3, -math.pi / 2),
    "stop": (8, math.pi / 8),
    "diamond": (4, math.pi / 2),
}
_SHAPES = ("round", "round", "round", "warning", "yield", "stop", "diamond", "board", "square")


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A plate at a height, its extent `size`; `back` shows the grey rear."""

    x: float
    depth: float
    height: float
    size: float
    shape: str
    rim: Colour
    face: Colour
    symbol: Colour
    back: bool
    squash: float

    def cast(self, shadows: Shadows) -> None:
        """The post's shadow is all one sees of it."""

    def draw(self, stage: Stage) -> None:
        """Rim, face and symbol."""
        board = Billboard(stage, self.x, self.depth, Label.SIGN)
        light = stage.light
        glow = light.on((0, 0, -1)) * 0.8 + 0.25
        if self.back:
            self._fill(board, 1.0, light.shaded(_BACK, glow * 0.8))
            return
        self._fill(board, 1.0, light.shaded(self.rim, glow))
        self._fill(board, 0.74 if self.shape != "stop" else 0.9, light.shaded(self.face, glow))
        if board.scale * self.size > 10:
            self._draw_symbol(board, light.shaded(self.symbol, glow))

    def _fill(self, board: Billboard, share: float, colour: Colour) -> None:
        half = self.size / 2 * share
        if self.shape in _CORNERS:
            count, start = _CORNERS[self.shape]
            angles = [start + 2 * math.pi * k / count for k in range(count)]
            points = [(math.cos(a), math.sin(a)) for a in angles]
        else:
            wide = 1.5 if self.shape == "board" else 0.8
            points = [(-wide, -0.85), (wide, -0.85), (wide, 0.85), (-wide, 0.85)]
        # A far plate still covers a few pixels.
        half = max(half, 2.2 / board.scale)
        board.polygon([self._spot(x * half, y * half) for x, y in points], colour)

    def _spot(self, x: float, y: float) -> Point:
        return x * self.squash, self.height + y

    def _draw_symbol(self, board: Billboard, colour: Colour) -> None:
        half = self.size / 2
        if self.shape == "board":
            for row, reach in ((0.3, 0.9), (-0.25, 0.6)):
                bar = [
                    (-0.95, row - 0.1),
                    (reach, row - 0.1),
                    (reach, row + 0.1),
                    (-0.95, row + 0.1),
                ]
                board.detail([self._spot(x * half, y * half) for x, y in bar], colour)
        elif self.shape == "stop":
            for x in (-0.5, -0.2, 0.1, 0.4):
                bar = [(x, -0.2), (x + 0.16, -0.2), (x + 0.16, 0.2), (x, 0.2)]
                board.detail([self._spot(a * half, b * half) for a, b in bar], colour)
        elif self.shape != "yield":
            bar = [(-0.1, -0.4), (0.14, -0.4), (0.1, 0.35), (-0.14, 0.35)]
            board.detail([self._spot(x * half, y * half) for x, y in bar], colour)


def sample_sign(rng: np.random.Generator, x: float, z: float, height: float) -> Sign:
    """Draw a sign whose middle hangs at a height."""
    shape = picked(rng, _SHAPES)
    rim, face, symbol = _colours(rng, shape)
    return Sign(
        x=x,
        depth=z,
        height=height,
        size=float(rng.uniform(0.6, 0.95)) * (1.25 if shape in ("board", "warning") else 1.0),
        shape=shape,
        rim=jittered(rng, rim, 10),
        face=jittered(rng, face, 10),
        symbol=symbol,
        back=rng.random() < 0.15,
        squash=float(rng.uniform(0.75, 1.0)),
    )


def _colours(rng: np.random.Generator, shape: str) -> tuple[Colour, Colour, Colour]:
    if shape in ("warning", "yield"):
        return _RED, picked(rng, (_WHITE, _WHITE, _YELLOW)), _BLACK
    if shape == "stop":
        return _WHITE, _RED, _WHITE
    if shape == "diamond":
        return _WHITE, _YELLOW, mixed(_YELLOW, _WHITE, 0.2)
    if shape in ("board", "square"):
        plate = picked(rng, (_BLUE, _GREEN, _YELLOW, _WHITE, _BLUE))
        ink = _WHITE if plate in (_BLUE, _GREEN) else _BLACK
        return scaled(plate, 0.8), plate, ink
    if rng.random() < 0.6:
        return _RED, picked(rng, (_WHITE, _WHITE, _RED)), _BLACK
    return _WHITE, _BLUE, _WHITE
