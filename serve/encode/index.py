"""Grey PNG without colours: the pixel value is the class id, in 8 bits or, where needed, 16."""

from __future__ import annotations

from dataclasses import dataclass

from kernels import png
from serve.answer import Painted

MEDIA_TYPE = "image/png"
ACCEPT: dict[str, dict[str, str]] = {}
WANTS_PICTURE = False
CONFIDENCE = "never"
EXAMPLE = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """It has none."""


def encode(painted: Painted, options: Options) -> bytes:
    """The mask; classes that are not asked for have the contract's void number."""
    return png.grey(painted.masked())
