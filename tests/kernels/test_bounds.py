"""Files that would cost more than their picture are refused, at once and without the memory."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from kernels import memory
from kernels.errors import UserError
from kernels.picture import TooLargeError, decode

MOST_SECONDS = 2.0
MOST_GROWTH = 64 << 20


def encoded(kind, mode="RGB", **options):
    target = io.BytesIO()
    Image.new(mode, (40, 24)).save(target, kind, **options)
    return target.getvalue()


def at(data, place, patch):
    return data[:place] + patch + data[place + len(patch) :]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def segment(kind, data):
    return b"\xff" + kind + struct.pack(">H", len(data) + 2) + data


def tiff(*entries, tail=b""):
    """A directory of (tag, type, count, value) at the end of nothing else."""
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4) + tail


def grey_tiff(*more, size=(8, 8), tail=bytes(64), **_):
    """A plain one of 8 bits, with entries of one's own."""
    plain = [
        *((256, 4, 1, size[0]), (257, 4, 1, size[1]), (258, 3, 1, 8), (259, 3, 1, 1)),
        *((262, 3, 1, 1), (277, 3, 1, 1), (278, 4, 1, size[1]), (279, 4, 1, 64)),
    ]
    entries = sorted([*plain, *more, (273, 4, 1, 0)])
    begin = 10 + 12 * len(entries) + 4
    return tiff(*((273, 4, 1, begin) if e[0] == 273 else e for e in entries), tail=tail)


def huge(kind):
    """Headers that announce 65535 x 65535 pixels, or as much as they can."""
    if kind == "JPEG":
        data = encoded("JPEG")
        return at(data, data.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff")
    if kind == "PNG":
        head = struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        )
    if kind == "BMP":
        return at(encoded("BMP"), 18, struct.pack("<ii", 65535, 65535))
    if kind == "TIFF":
        return grey_tiff(size=(65535, 65535))
    return at(encoded("WEBP", lossless=True), 21, b"\xff\xff\xff\x0f")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_a_header_of_billions_of_pixels_is_refused_at_once_and_without_memory(kind):
    data = huge(kind)
    with pytest.raises(UserError):
        decode(data, "warm")
    memory.forget_height()
    before, begin = memory.resident(memory.NOW), time.process_time()
    with pytest.raises(TooLargeError, match="megapixels"):
        decode(data, "x")
    assert time.process_time() - begin < MOST_SECONDS
    assert memory.resident(memory.HEIGHT) - before < MOST_GROWTH


@pytest.mark.parametrize("form", ["lossy", "lossless", "extended"])
def test_the_canvas_of_every_webp_is_known_from_its_header(form):
    options = {"lossy": {}, "lossless": {"lossless": True}, "extended": {"exif": b"Exif\0\0"}}
    with pytest.raises(TooLargeError, match="40x24 is"):
        decode(encoded("WEBP", **options[form]), "x", most_pixels=40 * 24 - 1)
    assert decode(encoded("WEBP", **options[form]), "x").shape == (24, 40, 3)


def many_scans():
    whole = encoded("JPEG", progressive=True)
    scan = whole[whole.index(b"\xff\xda") : whole.index(b"\xff\xda") + 14]
    return whole[:-2] + 150 * scan + whole[-2:]


EXIF = segment(b"\xe1", b"Exif\0\0" + bytes(60_000))
COSTLY = {
    "scans": many_scans(),
    "segments": encoded("JPEG")[:2] + 3000 * segment(b"\xfe", b"") + encoded("JPEG")[2:],
    "padding": b"\xff\xd8" + bytes(b"\xff" * 200_000) + encoded("JPEG")[2:],
    "EXIF": encoded("JPEG")[:2] + 20 * EXIF + encoded("JPEG")[2:],
    "chunks": encoded("PNG")[:33] + 60_000 * chunk(b"prIv", b"") + encoded("PNG")[33:],
    "run lengths": at(encoded("BMP"), 30, b"\x01"),
    "entries": tiff(*((1000 + n, 3, 1, 0) for n in range(600))),
    "fractions": grey_tiff((282, 5, 100_000, 8)),
    "tiles": grey_tiff((322, 4, 1, 20_000), (323, 3, 1, 16)),
    "numbers": grey_tiff((320, 3, 2_000_000, 8)),
    "BigTIFF": b"II+\0\x08\0\0\0" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(COSTLY))
def test_what_costs_more_than_the_picture_is_refused_with_a_hint(what):
    begin = time.process_time()
    with pytest.raises(UserError, match="x: ") as caught:
        decode(COSTLY[what], "x")
    assert "not a" not in caught.value.message
    assert caught.value.hint
    assert time.process_time() - begin < MOST_SECONDS


def test_a_plain_tiff_of_our_own_is_read():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert np.array_equal(decode(grey_tiff(tail=pixels.tobytes()), "x")[..., 0], pixels)


@pytest.mark.parametrize("tag", [34665, 34853, 330])
def test_directories_beside_the_pictures_own_are_never_followed(tag):
    # This one leads back to the first.
    assert decode(grey_tiff((tag, 4, 1, 8)), "x").shape == (8, 8, 3)


def test_a_tiff_whose_next_directory_is_itself_ends():
    data = grey_tiff()
    loop = 10 + 12 * 9
    assert decode(at(data, loop, struct.pack("<I", 8)), "x").shape == (8, 8, 3)


def test_a_directory_outside_of_the_file_is_an_error():
    with pytest.raises(UserError, match="x: damaged TIFF"):
        decode(b"II*\0\xff\xff\xff\x7f" + bytes(50), "x")


def test_a_progressive_photo_with_metadata_is_no_trouble():
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    data = encoded("JPEG", progressive=True, exif=exif, comment=b"c" * 9000)
    assert decode(data, "x").shape == (24, 40, 3)
