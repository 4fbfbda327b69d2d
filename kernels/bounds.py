"""Refuses files whose header or metadata would cost more than their picture.

Pillow reads metadata in Python, piece by piece: a small file can make it work for minutes or take
many times its own size. Here such files are found out by a glance at their outlines.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from kernels.errors import UserError

# Photos have hundreds of kilobytes of EXIF at most, some dozens of segments and ten scans or so.
MOST_METADATA = 1 << 20
MOST_SEGMENTS = 2_000
MOST_SCANS = 100
MOST_PADDING = 1 << 16
# Of a PNG; some writers cut the pixels into pieces of a few kilobytes.
MOST_CHUNKS = 50_000
# Of a TIFF's directory, and of the numbers in one entry; fractions are slow ones.
MOST_ENTRIES = 500
MOST_NUMBERS = 1_000_000
MOST_FRACTIONS = 1_000
# Pixels along a tile, which is unpacked as a whole however small the picture is.
MOST_TILE = 4096

HINT = "write the picture again without its metadata, as a plain JPEG or PNG"
# Entries that lead to directories beside the picture's own: EXIF, GPS, others, interoperability.
ELSEWHERE = (34665, 34853, 330, 40965)
WHOLE_TYPES, FRACTION_TYPES = (3, 4, 6, 8, 9, 11, 13, 16, 17, 18), (5, 10, 12)
NO_TYPE, SHORT = 0, 3
TILE = (322, 323)


def checked(data: bytes) -> bytes:
    """`data`, perhaps without what is not needed; a file that would cost too much is an error."""
    for magic, check in CHECKS.items():
        if data.startswith(magic):
            return check(data)
    return data


def canvas(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP by its first bytes: its decoder takes memory when it is opened."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind, head = data[12:16], data[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 6)
    return width & 0x3FFF, height & 0x3FFF


def _jpeg(data: bytes) -> bytes:
    """Walk from segment to segment up to the pixels."""
    place, metadata, progressive = 2, 0, False
    for _ in range(MOST_SEGMENTS):
        begin = data.find(b"\xff", place, place + MOST_PADDING)
        if begin < 0 and place + MOST_PADDING >= len(data):
            return data  # it ends before its pixels: Pillow will say so
        if begin < 0:
            break
        place = begin
        while place - begin < MOST_PADDING and data[place : place + 1] == b"\xff":
            place += 1
        kind, length = data[place : place + 1], int.from_bytes(data[place + 1 : place + 3], "big")
        if kind == b"\xff":
            break
        if kind in (b"\xda", b"\xd9", b""):
            return _scanned(data, place, progressive)
        progressive |= kind in (b"\xc2", b"\xca")
        # Markers alone have no length.
        alone = kind in b"\x00\x01\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8"
        place += 1 if alone else 1 + length
        if kind == b"\xe1" and data.startswith(b"Exif", place - length + 2):
            metadata += length
        _refuse(metadata > MOST_METADATA, f"more than {MOST_METADATA} bytes of EXIF")
    raise _damaged("JPEG", "its segments lead nowhere")


def _scanned(data: bytes, place: int, progressive: bool) -> bytes:
    # Each scan of a progressive JPEG passes over all of the picture, however little it says.
    scans = data.count(b"\xff\xda", place) if progressive else 0
    _refuse(scans > MOST_SCANS, f"{scans} scans")
    return data


def _png(data: bytes) -> bytes:
    place = 8
    for _ in range(MOST_CHUNKS):
        if place + 8 > len(data) or data[place + 4 : place + 8] == b"IEND":
            return data
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    raise _damaged("PNG", f"more than {MOST_CHUNKS} chunks")


def _bmp(data: bytes) -> bytes:
    packed = len(data) >= 34 and data[14] >= 40 and data[30] in (1, 2)
    _refuse(packed, "run lengths in a BMP")
    return data


def _tiff(data: bytes) -> bytes:
    """Look at each entry of the first directory, and cut it off from all others."""
    order = "<" if data[:1] == b"I" else ">"
    try:
        (begin,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, begin)
        _refuse(count > MOST_ENTRIES, f"{count} entries in a TIFF's directory")
        patched = bytearray(data)
        for place in range(begin + 2, begin + 2 + 12 * count, 12):
            _check_entry(patched, place, order)
    except struct.error:
        raise _damaged("TIFF", "its directory is not in the file") from None
    return bytes(patched)


def _check_entry(data: bytearray, place: int, order: str) -> None:
    tag, kind, numbers = struct.unpack_from(order + "HHI", data, place)
    if tag in ELSEWHERE:
        struct.pack_into(order + "H", data, place + 2, NO_TYPE)
    most = MOST_FRACTIONS if kind in FRACTION_TYPES else MOST_NUMBERS
    if tag in TILE:
        # One number of 2 bytes lies in the first half of its place.
        (side,) = struct.unpack_from(order + ("H" if kind == SHORT else "I"), data, place + 8)
        _refuse(side > MOST_TILE, f"tiles of {side} pixels")
    costly = kind in FRACTION_TYPES + WHOLE_TYPES and numbers > most
    _refuse(costly, f"{numbers} numbers under tag {tag}")


def _big_tiff(data: bytes) -> bytes:
    raise UserError("a BigTIFF", hint="write it as a plain TIFF: only files past 4 GB need another")


def _refuse(wrong: bool, what: str) -> None:
    if wrong:
        raise UserError(f"{what} would cost more than the picture", hint=HINT)


def _damaged(kind: str, what: str) -> UserError:
    return UserError(f"damaged {kind} ({what})", hint="send the file whole and intact")


CHECKS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _big_tiff,
    b"MM\0+": _big_tiff,
}
