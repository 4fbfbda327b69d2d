"""Compresses rows that mostly equal the one above, as masks do: zlib's format, found by runs alone.

What zlib's own run-length strategy finds, but faster: where a row equals the one above it is passed
over eight bytes at a time, and the checksum of a run is known without adding it up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.huffman import LITERALS, codes, header, lengths

Bytes = NDArray[np.uint8]

# zlib's header for a window of 32 kB and the fastest level.
HEADER = b"\x78\x01"
# What PNG writes before a row that is told by its difference from the row above.
UP = 2
# Rows are added to a block of the stream until it has so many tokens.
ENOUGH = 1 << 16
# A token below this is a byte; above it, a run so much longer that repeats the byte before.
RUN = 256
END = 256
SHORTEST, LONGEST = 3, 258
ADLER = 65521
# How a block says that it brings a code of its own.
DYNAMIC = 2
# Bits that a token takes at most: both codes, and the length's own bits. Bytes for the header.
MOST_BITS, ROOM = 15 + 5 + 1, 1024


def _length_codes() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For every length of a run its symbol, how many bits follow that, and their value."""
    symbols, extra, rest = np.zeros((3, LONGEST + 1), np.int64)
    length, symbol = SHORTEST, END + 1
    for bits in (0, 0, 1, 2, 3, 4, 5):
        for _ in range(4):
            ahead = slice(length, min(length + (1 << bits), LONGEST))
            symbols[ahead], extra[ahead] = symbol, bits
            rest[ahead] = np.arange(len(rest[ahead]))
            length, symbol = length + (1 << bits), symbol + 1
    symbols[LONGEST] = symbol
    return symbols, extra, rest


LENGTH_SYMBOL, LENGTH_BITS, LENGTH_REST = _length_codes()


def up_filtered(rows: Bytes) -> bytes:
    """Rows [H,W] -> a zlib stream of PNG's lines, each its difference from the one above."""
    return b"".join(_parts(rows))


def _parts(rows: Bytes) -> Iterator[bytes]:
    yield HEADER
    # Of the checksum: the sum of all bytes and that of its own course.
    sums = np.array([1, 0], np.int64)
    # Bits that do not fill a byte yet, and how many.
    held = np.zeros(2, np.uint64)
    tokens = np.empty(ENOUGH + rows.shape[1] + 1, np.uint16)
    row = 0
    while row < len(rows):
        counts = np.zeros(LITERALS, np.int64)
        row, size = _tokenise(rows, row, tokens, counts, sums)
        yield _block(tokens[:size], counts, held, row == len(rows))
    yield struct.pack(">I", int(sums[1]) << 16 | int(sums[0]))


def _block(
    tokens: NDArray[np.uint16], counts: NDArray[np.int64], held: NDArray[np.uint64], last: bool
) -> bytes:
    counts[END] = 1
    sizes = lengths(counts)
    out = np.empty(len(tokens) * MOST_BITS // 8 + ROOM, np.uint8)
    return out[: _write(tokens, header(sizes), *_words(sizes), held, last, out)].tobytes()


@compiled
def _tokenise(
    rows: Bytes,
    first: int,
    tokens: NDArray[np.uint16],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> tuple[int, int]:
    """Tokens of whole rows from `first` on, and how often each symbol is in them."""
    height, width = rows.shape
    blank = np.zeros(width, np.uint8)
    size, y = 0, first
    while y < height and size < ENOUGH:
        row, above = rows[y], rows[y - 1] if y else blank
        tokens[size] = UP
        counts[UP] += 1
        size += 1
        total = sums[0] + UP
        course = sums[1] + total
        x = 0
        while x < width:
            value, begin = np.uint8(row[x] - above[x]), x
            tokens[size] = value
            counts[value] += 1
            size, x = size + 1, x + 1
            if x < width and np.uint8(row[x] - above[x]) == value:
                x = _end(row, above, x, value)
                size = _repeat(tokens, counts, size, value, x - begin - 1)
            length = x - begin
            course += length * total + np.int64(value) * (length * (length + 1) // 2)
            total += length * np.int64(value)
        sums[0], sums[1] = total % ADLER, course % ADLER
        y += 1
    return y, size


@compiled
def _end(row: Bytes, above: Bytes, x: int, value: np.uint8) -> int:
    """Where the difference from the row above stops to be `value`, seen from one where it is."""
    if not value:
        # Where nothing changes, eight bytes are compared at once.
        while x < row.size and x % 8 and row[x] == above[x]:
            x += 1
        if x % 8 == 0:
            whole = row.size // 8
            ours, theirs = row[: whole * 8].view(np.uint64), above[: whole * 8].view(np.uint64)
            word = x // 8
            while word < whole and ours[word] == theirs[word]:
                word += 1
            x = word * 8
    while x < row.size and np.uint8(row[x] - above[x]) == value:
        x += 1
    return x


@compiled
def _repeat(
    tokens: NDArray[np.uint16], counts: NDArray[np.int64], size: int, value: np.uint8, length: int
) -> int:
    """Tell that the byte before comes so many times more; so many tokens there are now."""
    while length >= SHORTEST:
        piece = min(length, LONGEST)
        tokens[size] = RUN + piece
        counts[LENGTH_SYMBOL[piece]] += 1
        size, length = size + 1, length - piece
    for _ in range(length):
        tokens[size] = value
        counts[value] += 1
        size += 1
    return size


@compiled
def _words(sizes: Bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """What is written for each token, and the bits it takes."""
    words, widths = np.zeros(RUN + LONGEST + 1, np.uint64), np.zeros(RUN + LONGEST + 1, np.uint64)
    symbols = codes(sizes)
    # What would be a run of no length is the end of the block.
    for symbol in range(END + 1):
        words[symbol], widths[symbol] = symbols[symbol], sizes[symbol]
    for length in range(SHORTEST, LONGEST + 1):
        symbol = LENGTH_SYMBOL[length]
        size = np.uint64(sizes[symbol])
        words[RUN + length] = symbols[symbol] | np.uint64(LENGTH_REST[length]) << size
        # The distance follows: always 1, whose word is a zero bit.
        widths[RUN + length] = size + np.uint64(LENGTH_BITS[length] + 1)
    return words, widths


@compiled
def _write(
    tokens: NDArray[np.uint16],
    told: NDArray[np.int64],
    words: NDArray[np.uint64],
    widths: NDArray[np.uint64],
    held: NDArray[np.uint64],
    last: bool,
    out: Bytes,
) -> int:
    """One block of the stream; how many bytes of `out` are written."""
    place = _put(np.uint64(last | DYNAMIC << 1), np.uint64(3), held, out, 0)
    for number in range(len(told)):
        place = _put(np.uint64(told[number, 0]), np.uint64(told[number, 1]), held, out, place)
    bits, count = held[0], held[1]
    for token in tokens:
        bits |= words[token] << count
        count += widths[token]
        if count >= 32:
            for _ in range(4):
                out[place] = bits & np.uint64(255)
                bits >>= np.uint64(8)
                place += 1
            count -= np.uint64(32)
    held[0], held[1] = bits, count
    place = _put(words[END], widths[END], held, out, place)
    if last:
        # Up to a whole byte.
        place = _put(np.uint64(0), np.uint64(7), held, out, place)
    return place


@compiled
def _put(
    value: np.uint64, width: np.uint64, held: NDArray[np.uint64], out: Bytes, place: int
) -> int:
    """Add bits to those that are held, and write the bytes that are full."""
    held[0] |= value << held[1]
    held[1] += width
    while held[1] >= 8:
        out[place] = held[0] & np.uint64(255)
        held[0] >>= np.uint64(8)
        held[1] -= np.uint64(8)
        place += 1
    return place
