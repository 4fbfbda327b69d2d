"""Grey PNG of the lead of the best logit over the second, in sixteenths; 255 is that or more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels import png
from serve.answer import Painted, demanded

MEDIA_TYPE = "image/png"
ACCEPT: dict[str, dict[str, str]] = {}
WANTS_PICTURE = False
CONFIDENCE = "always"
EXAMPLE = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """It has none."""


def encode(painted: Painted, options: Options) -> bytes:
    """The plane; it is 0 where the winner is a class that was not asked for."""
    plane = demanded(painted.confidence, "confidence")
    if painted.kept is not None:
        plane = np.where(np.isin(painted.mask, painted.kept), plane, np.uint8(0))
    return png.grey(plane)
