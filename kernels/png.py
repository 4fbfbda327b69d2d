"""Writes a mask as PNG: the pixel value is the class id, the colours are the contract's.

Up to 256 classes it is an 8-bit palette picture. A palette holds no more than that, so beyond it
the file is a 16-bit grey one and the colours stay in the contract.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from kernels import deflate
from kernels.contract import Colour
from kernels.paint import Mask

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3


def encode(mask: Mask, palette: tuple[Colour, ...]) -> bytes:
    """The mask [H,W] as a PNG file; class i has the colour palette[i]."""
    if len(palette) > 256:
        return grey(mask.astype(np.uint16, copy=False))
    colours = _chunk(b"PLTE", np.array(palette, np.uint8).tobytes())
    return _file(mask.astype(np.uint8, copy=False), PALETTE, colours)


def grey(values: Mask) -> bytes:
    """Numbers [H,W] as a grey PNG file of 8 bits, or of 16 where their type is wider."""
    return _file(values, GREY, b"")


def _file(values: Mask, kind: int, colours: bytes) -> bytes:
    height, width = values.shape
    wide = values.itemsize > 1
    # PNG's samples have the high byte first.
    rows = np.ascontiguousarray(values, ">u2" if wide else "u1").view(np.uint8)
    depth = 16 if wide else 8
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
            colours,
            _chunk(b"IDAT", deflate.up_filtered(rows)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
