"""Reads a picture file, the same way for training and serving: upright, RGB, uint8."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

import kernels
from kernels import bounds
from kernels.contract import Contract
from kernels.errors import UserError, about

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
KINDS = "JPEG, PNG, WebP, TIFF or BMP"
MOST_PIXELS = 64_000_000
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
FLAT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
# What Pillow raises on bytes it cannot make sense of.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, struct.error)
ORIENTATION = 0x0112
# What has to be done to a stored picture to turn it upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# How much smaller a JPEG can be decoded than it is, and the block that its cells come from.
DCT_SCALES, BLOCK = (2, 4, 8), 8

# Of Pillow's memory; one holds a picture of 4 megapixels.
BLOCKS_A_PICTURE = 4

# The limit on pixels is ours and the caller's; Pillow's own would warn of pictures that are fine.
Image.MAX_IMAGE_PIXELS = None


class TooLargeError(UserError):
    """The picture may be a good one, but it is more than is taken."""


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A picture as the network sees it, and how large it was."""

    small: NDArray[np.uint8]  # [h,w,3]
    size: tuple[int, int]  # (H, W) of the upright picture


# Whole, [H,W,3], or reduced by its decoder.
Picture = NDArray[np.uint8] | Reduced


def keep_memory(pictures: int) -> None:
    """Let Pillow use the memory of a picture again for the next one, with so many under way.

    It would give it back, and the system would have to clear fresh pages for each picture: that can
    take longer than decoding. Up to 64 MB for each of the `pictures` stay allocated.
    """
    # Documented by Pillow, though not typed by it.
    Image.core.set_blocks_max(BLOCKS_A_PICTURE * pictures)  # type: ignore[attr-defined]


def decode(data: bytes, name: str, *, most_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """The picture in `data` as uint8 [H,W,3], turned upright by its EXIF orientation.

    Grey becomes RGB, 16 bits become 8, CMYK and palettes are converted, and transparency is
    dropped; of several pages or frames it is the first. `name` is what the errors call the picture.
    """
    with _opened(data, name, most_pixels) as image:
        return _pixels(image)


def read(
    data: bytes,
    name: str,
    contract: Contract,
    *,
    reduce: bool = True,
    most_pixels: int = MOST_PIXELS,
) -> Picture:
    """The picture in `data` for a network of that contract: reduced by its decoder where it can be.

    That is quicker, and moves the mask in a few pixels of a thousand: the cells are those of
    `shrink`, though their values are no plain means. `name` is what the errors call the picture.
    """
    with _opened(data, name, most_pixels) as image:
        width, height = image.size
        cells = contract.seen_size((height, width))
        if not (reduce and _reduces(image, cells)):
            return _pixels(image)
        image.draft("RGB", (cells[1], cells[0]))
        small = _pixels(image)
    turned = small.shape[:2] != cells
    return Reduced(small=small, size=(width, height) if turned else (height, width))


def size(picture: Picture) -> tuple[int, int]:
    """(H, W) of the upright picture."""
    if isinstance(picture, Reduced):
        return picture.size
    height, width, _ = picture.shape
    return height, width


def seen(picture: Picture, contract: Contract) -> NDArray[np.uint8]:
    """What a network of that contract sees of it, [h,w,3]."""
    return picture.small if isinstance(picture, Reduced) else kernels.seen(picture, contract)


def _reduces(image: ImageFile.ImageFile, cells: tuple[int, int]) -> bool:
    """Whether the decoder itself can make these cells, (down, across), of the stored picture.

    It can where 1/2, 1/4 or 1/8 is to be seen of a JPEG whose sides are multiples of 8, and whose
    colours are as coarse down as across. Of 4:2:2 it would give colours twice as wide as a cell.
    """
    width, height = image.size
    scales = {Fraction(height, cells[0]), Fraction(width, cells[1])}
    if not isinstance(image, JpegImageFile) or width % BLOCK or height % BLOCK or len(scales) > 1:
        return False
    _, across, down, _ = image.layer[0]
    return scales.pop() in DCT_SCALES and across == down


@contextmanager
def _opened(data: bytes, name: str, most_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """The file with its header read; what goes wrong in the block is told of the file, too."""
    if not data:
        raise UserError(f"{name}: 0 bytes", hint=f"send the bytes of a {KINDS} file")
    with about(name):
        _check_size(*(bounds.canvas(data) or (0, 0)), most_pixels)
        with _recognised(bounds.checked(data)) as image:
            _check_size(image.width, image.height, most_pixels)
            try:
                yield image
            except DAMAGE as error:
                raise UserError(
                    f"damaged {image.format} ({error})", hint="send the file whole and intact"
                ) from None


def _recognised(data: bytes) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except DAMAGE:
        raise UserError(f"not a {KINDS} picture", hint="convert it to one of these") from None


def _check_size(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise TooLargeError(
            f"{width}x{height} is {_mega(width * height)} megapixels; "
            f"at most {_mega(most_pixels)} are taken",
            hint="reduce the picture, or raise the limit",
        )


def _pixels(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    # Where a PNG says I it has 16 bits; a TIFF has 32 then, and no range that is known.
    known = image.mode in FLAT_MODES + DEEP_MODES and (image.mode, image.format) != ("I", "TIFF")
    if not known:
        raise UserError(
            f"{image.format} with pixels of the kind {image.mode}",
            hint="convert it to 8 bits of grey or RGB",
        )
    image.load()
    return np.asarray(_rgb(_upright(image)))


def _upright(image: ImageFile.ImageFile) -> Image.Image:
    # Pillow turns a TIFF by itself.
    if image.format == "TIFF" or len(image.info.get("exif", b"")) > bounds.MOST_METADATA:
        return image
    turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP_MODES:
        # Pillow would clip 16 bits at 255 instead of keeping the high byte.
        deep = np.asarray(image).astype(np.uint16)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}"
