"""Damages picture files and reads them as the service does: only a UserError may come of it.

`python tools/fuzz.py --cases 20000` counts what became of them, and fails where anything else was
raised, where a case took too long, or where memory grew.
"""

from __future__ import annotations

import argparse
import io
import struct
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from PIL import Image

from kernels import memory
from kernels.contract import Contract
from kernels.errors import UserError
from kernels.picture import Reduced, decode, read

# Seeds are tiny, so that what is slow is slow for another reason than its size.
MOST_SECONDS = 2.0
MOST_PIXELS = 4_000_000
MOST_GROWTH = 64 << 20
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# Seeds have sides that are multiples of 8: a JPEG is decoded to a quarter of them.
CONTRACT = Contract(classes=("a",), palette=((0, 0, 0),), factor=Fraction(1, 4), writer="fuzz")

Random = np.random.Generator
Mutation = Callable[[bytearray, list[bytes], Random], bytearray]


@dataclass(kw_only=True)
class Tally:
    """What became of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0


def seeds() -> list[bytes]:
    """A small picture in every format and mode that is read, some with metadata."""
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    found = [_written(photo, "JPEG", exif=exif), _written(photo, "JPEG", progressive=True)]
    found += [_written(photo.convert(mode), "PNG") for mode in ("1", "L", "P", "RGBA", "I;16")]
    found += [_written(photo, "PNG", exif=exif), _written(photo, "WEBP", exif=exif)]
    found += [_written(photo.convert("RGBA"), "WEBP", lossless=True)]
    packings = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    found += [_written(photo, "TIFF", compression=each, exif=exif) for each in packings]
    pages = [photo.convert("L"), photo.convert("CMYK")]
    found += [_written(photo, "TIFF", save_all=True, append_images=pages)]
    return found + [_written(photo.convert(mode), "BMP") for mode in ("1", "P", "RGB")]


def mutated(seed: bytes, others: list[bytes], random: Random) -> bytes:
    """The file with one to four changes."""
    data = bytearray(seed)
    for _ in range(random.integers(1, 5)):
        if data:
            data = MUTATIONS[random.integers(len(MUTATIONS))](data, others, random)
    return bytes(data)


def flip_bits(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """Some bits, anywhere."""
    for place in random.integers(0, len(data), random.integers(1, 9)):
        data[place] ^= 1 << random.integers(8)
    return data


def set_number(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """An awkward number in 1, 2 or 4 bytes, near the beginning more often than not."""
    end = min(len(data), 128) if random.random() < 0.7 else len(data)
    order, size = random.choice(["<", ">"]), int(random.choice([1, 2, 4]))
    number = NUMBERS[random.integers(len(NUMBERS))] & (256**size - 1)
    packed = struct.pack(order + {1: "B", 2: "H", 4: "I"}[size], number)
    place = random.integers(end)
    data[place : place + size] = packed
    return data


def cut_off(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """Only the beginning."""
    return data[: random.integers(len(data))]


def take_out(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """A piece is missing."""
    place = random.integers(len(data))
    del data[place : place + random.integers(1, 64)]
    return data


def repeat(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """A piece is there several times."""
    place, size = random.integers(len(data)), random.integers(1, 64)
    data[place:place] = data[place : place + size] * int(random.integers(1, 200))
    return data


def put_in(data: bytearray, others: list[bytes], random: Random) -> bytearray:
    """A piece of another file."""
    other = others[random.integers(len(others))]
    start, place = random.integers(len(other)), random.integers(len(data))
    data[place:place] = other[start : start + random.integers(1, 256)]
    return data


MUTATIONS: tuple[Mutation, ...] = (flip_bits, set_number, cut_off, take_out, repeat, put_in)


def run(cases: int, seed: int) -> Tally:
    """Decode `cases` damaged files, always the same ones of one seed."""
    random, files, tally = np.random.default_rng(seed), seeds(), Tally()
    for case in range(cases):
        data = mutated(files[case % len(files)], files, random)
        begin = time.process_time()
        outcome = attempt(data)
        took = time.process_time() - begin
        tally.outcomes[outcome] += 1
        tally.slowest = max(tally.slowest, took)
        if outcome.startswith("raised") or took > MOST_SECONDS:
            tally.failures.append(f"case {case}: {outcome} after {took:.2f} s")
    return tally


def attempt(data: bytes) -> str:
    """What became of one file, in a word or two."""
    try:
        picture = read(data, "picture", CONTRACT, most_pixels=MOST_PIXELS)
        if isinstance(picture, Reduced):
            # As for an overlay, which shows the photo itself.
            decode(data, "picture", most_pixels=MOST_PIXELS)
            return "reduced by its decoder, and decoded whole"
    except UserError as error:
        words = [word for word in error.message.split()[1:] if word.isalpha()]
        return f"refused: {' '.join(words[:4])}"
    except Exception as error:  # what must not happen is what is looked for
        return f"raised: {type(error).__name__} {error}"
    return "decoded"


def main() -> None:
    """Print the outcomes; exit code 1 where one of them must not be."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--cases", type=int, default=20_000)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    # Pillow warns of what it mends; here that is every other file.
    warnings.simplefilter("ignore")
    run(500, given.seed + 1)
    before = memory.resident(memory.NOW)
    tally = run(given.cases, given.seed)
    growth = memory.resident(memory.NOW) - before
    for outcome, count in tally.outcomes.most_common():
        print(f"{count:7d} {outcome}")
    print(f"slowest {tally.slowest:.3f} s, memory grew by {growth / 2**20:.1f} MiB")
    print("\n".join(tally.failures))
    raise SystemExit(bool(tally.failures) or growth > MOST_GROWTH)


def _written(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


if __name__ == "__main__":
    main()
