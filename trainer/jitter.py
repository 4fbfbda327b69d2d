"""Colour jitter: brightness, contrast, saturation and hue of a picture, changed at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# How bright red, green and blue look (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, kw_only=True)
class Light:
    """One change of light: colours go through `matrix`, and all of them up by a share of grey."""

    matrix: NDArray[np.float32]  # [3,3]
    lift: float  # of the picture's mean grey

    def on(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`picture` in this light."""
        grey = np.float32(self.lift * float(picture.mean((0, 1)) @ LUMA))
        changed = picture.reshape(-1, 3) @ self.matrix.T + grey
        return np.asarray(np.rint(changed).clip(0, 255).astype(np.uint8).reshape(picture.shape))


def drawn(strength: float, rng: np.random.Generator, *, hue: float | None = None) -> Light:
    """A light by chance: three gains within 1 +- strength, a hue turned by up to `hue` turns.

    Where `hue` is not given it is the strength too. All four are linear in the colours, so that
    they are one 3x3 matrix and an offset.
    """
    bright, contrast, saturation = 1 + strength * rng.uniform(-1, 1, 3)
    turn = 2 * math.pi * (strength if hue is None else hue) * rng.uniform(-1, 1)
    matrix = bright * contrast * (_saturation(saturation) @ _hue(turn))
    return Light(matrix=matrix.astype(np.float32), lift=float(bright * (1 - contrast)))


def grey(light: Light) -> Light:
    """The same light without colours."""
    matrix = np.outer(np.ones(3), LUMA @ light.matrix)
    return Light(matrix=matrix.astype(np.float32), lift=light.lift)


def _saturation(gain: float) -> NDArray[np.float64]:
    """From grey (0) over the picture's own colours (1) to stronger ones."""
    return np.asarray(gain * np.eye(3) + (1 - gain) * np.outer(np.ones(3), LUMA))


def _hue(turn: float) -> NDArray[np.float64]:
    """A turn about the grey axis, by Rodrigues' formula: greys stay what they are."""
    across = np.full((3, 3), 1 / 3)
    root = 1 / math.sqrt(3)
    cross = root * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return np.asarray(
        math.cos(turn) * np.eye(3) + math.sin(turn) * cross + (1 - math.cos(turn)) * across
    )
