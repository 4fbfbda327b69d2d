"""The photo with the colours of the classes laid over it, as PNG, JPEG or WebP."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from kernels.blend import blend
from kernels.errors import UserError
from serve.answer import Painted, demanded
from serve.parameters import parameter

MEDIA_TYPE = "image/png"
ACCEPT = {f"image/{kind}": {"picture": kind} for kind in ("jpeg", "webp")}
WANTS_PICTURE = True
CONFIDENCE = "never"
EXAMPLE = None
# The longest sides their formats can say.
LONGEST = {"png": 2**31 - 1, "jpeg": 65500, "webp": 16383}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much of the photo shows through, and as what it is written."""

    alpha: float = parameter(
        0.5, least=0, most=1, about="0 shows the photo alone, 1 the colours alone"
    )
    picture: str = parameter("png", choices=tuple(LONGEST), about="the format of the picture")
    quality: int = parameter(85, least=1, most=100, about="of JPEG and WebP")

    @property
    def media_type(self) -> str:
        """What the answer is."""
        return f"image/{self.picture}"


def encode(painted: Painted, options: Options) -> bytes:
    """The upright photo; classes that are not asked for are left as they are in it."""
    photo = demanded(painted.picture, "picture")
    covered = np.zeros(len(painted.contract.classes), bool)
    covered[list(painted.shown)] = True
    colours = np.array(painted.contract.palette, np.uint8)
    mixed = Image.fromarray(blend(photo, painted.mask, colours, covered, options.alpha))
    return _written(mixed, options)


def _written(image: Image.Image, options: Options) -> bytes:
    if max(image.size) > LONGEST[options.picture]:
        raise UserError(
            f"{options.picture} holds no picture of {image.width}x{image.height}",
            hint="ask for picture=png, or for a smaller window",
        )
    # Smaller files than these cost many times the milliseconds.
    settings: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 1},
        "jpeg": {"quality": options.quality},
        "webp": {"quality": options.quality, "method": 1},
    }
    target = io.BytesIO()
    image.save(target, options.picture, **settings[options.picture])
    return target.getvalue()
