"""Palette PNG: the pixel value is the class id, the colours are the contract's."""

from __future__ import annotations

from dataclasses import dataclass

from kernels import png
from serve.answer import Painted, refuse_wide

MEDIA_TYPE = "image/png"
ACCEPT: dict[str, dict[str, str]] = {MEDIA_TYPE: {}}
WANTS_PICTURE = False
CONFIDENCE = "never"
EXAMPLE = None
# As many colours as a palette holds; more classes than that come as 16-bit grey.
MOST_COLOURS = 256


@dataclass(frozen=True, kw_only=True)
class Options:
    """It has none."""


def encode(painted: Painted, options: Options) -> bytes:
    """The mask; classes that are not asked for are black and have the contract's void number."""
    palette, ignore = painted.contract.palette, painted.contract.ignore
    if painted.kept is not None:
        if len(palette) <= MOST_COLOURS:
            refuse_wide(ignore, MOST_COLOURS - 1, "ask for ?format=index, which has 16 bits")
        palette += ((0, 0, 0),) * (ignore + 1 - len(palette))
    return png.encode(painted.masked(), palette)
