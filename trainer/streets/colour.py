"""Small arithmetic on 8-bit colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Colour = tuple[int, int, int]

_Option = TypeVar("_Option")


def _byte(value: float) -> int:
    return max(0, min(255, round(value)))


def scaled(colour: Colour, factor: float) -> Colour:
    """The colour made brighter (factor above 1) or darker."""
    return (_byte(colour[0] * factor), _byte(colour[1] * factor), _byte(colour[2] * factor))


def tinted(colour: Colour, gains: tuple[float, float, float]) -> Colour:
    """The colour seen under light of the given red, green and blue strength."""
    return (
        _byte(colour[0] * gains[0]),
        _byte(colour[1] * gains[1]),
        _byte(colour[2] * gains[2]),
    )


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """The blend that holds `share` of the second colour."""
    return (
        _byte(first[0] + (second[0] - first[0]) * share),
        _byte(first[1] + (second[1] - first[1]) * share),
        _byte(first[2] + (second[2] - first[2]) * share),
    )


def jittered(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """The colour with random brightness and a little random hue, `spread` in 8-bit steps."""
    shift = rng.uniform(-spread, spread)
    red, green, blue = rng.uniform(-spread / 3, spread / 3, 3).tolist()
    return (
        _byte(colour[0] + shift + red),
        _byte(colour[1] + shift + green),
        _byte(colour[2] + shift + blue),
    )


def picked(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    """One of the options, each equally likely."""
    return options[int(rng.integers(len(options)))]
