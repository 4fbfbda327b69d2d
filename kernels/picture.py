"""Reads a picture file, the same way for training and serving: upright, RGB, uint8."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from kernels.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
# What Pillow raises on bytes it cannot make sense of.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, struct.error)

# The limit on pixels is ours and the caller's; Pillow's own would warn of pictures that are fine.
Image.MAX_IMAGE_PIXELS = None


class TooLargeError(UserError):
    """The picture may be a good one, but it is more than is taken."""


def decode(data: bytes, name: str, *, most_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """The picture in `data` as uint8 [H,W,3], turned upright by its EXIF orientation.

    Grey becomes RGB, 16 bits become 8, CMYK and palettes are converted, and transparency is
    dropped. `name` is what the errors call the picture.
    """
    if not data:
        raise UserError(f"{name}: 0 bytes", hint="send the bytes of a JPEG, PNG or WebP file")
    with _opened(data, name) as image:
        if image.width * image.height > most_pixels:
            raise TooLargeError(
                f"{name}: {image.width}x{image.height} is {_mega(image.width * image.height)} "
                f"megapixels; at most {_mega(most_pixels)} are taken",
                hint="reduce the picture, or raise the limit",
            )
        try:
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(_rgb(image))
        except DAMAGE as error:
            raise UserError(
                f"{name}: damaged {image.format} ({error})", hint="send the file whole and intact"
            ) from None


def _opened(data: bytes, name: str) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except DAMAGE:
        raise UserError(
            f"{name}: not a JPEG, PNG or WebP picture", hint="convert it to one of these"
        ) from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP_MODES:
        # Pillow would clip 16 bits at 255 instead of keeping the high byte.
        deep = np.asarray(image).astype(np.uint16)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}"
