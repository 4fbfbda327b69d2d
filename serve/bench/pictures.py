"""The JPEGs that are sent: the user's, or made-up ones."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from kernels.bench.inputs import blocks
from kernels.errors import UserError
from kernels.picture import decode

Size = tuple[int, int]
MOST = 8
QUALITY = 90


def taken(places: list[Path], size: Size) -> list[bytes]:
    """The files at these places, or one made-up picture where there are none."""
    if not places:
        return [made_up(size)]
    try:
        return [place.read_bytes() for place in places[:MOST]]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None


def without_loss(picture: bytes) -> bytes:
    """All pixels of a file as a PNG, which nobody can decode to fewer."""
    pixels, target = decode(picture, "--picture", most_pixels=sys.maxsize), io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def made_up(size: Size) -> bytes:
    """A JPEG of areas and things in colours, with the noise of a camera."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (256, 3))
    pixels = colours[blocks(size, 19)] + random.normal(0, 4, (*size, 3))
    target = io.BytesIO()
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()
