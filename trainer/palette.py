"""Colours for classes that come without any."""

from __future__ import annotations

import colorsys

from kernels.contract import Colour

GOLDEN = 0.618033988749895


def default_palette(classes: int) -> tuple[Colour, ...]:
    """Neighbours that differ: hues a golden section apart, in three brightnesses."""
    return tuple(
        _colour(index * GOLDEN % 1.0, (0.95, 0.7, 0.5)[index % 3]) for index in range(classes)
    )


def _colour(hue: float, brightness: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, brightness)
    return round(red * 255), round(green * 255), round(blue * 255)
