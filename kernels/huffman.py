"""The code of a deflate block: short words for the symbols that are common in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled

Sizes = NDArray[np.uint8]

# Bytes, the end of the block, and the lengths of runs.
LITERALS = 286
# Two, though one distance is all that is written: a code of a single word is no full one.
DISTANCES = 2
MOST_BITS = 15
# In the header: so many zeros at once, and what says so.
SHORT_GAP, LONG_GAP, LONGEST_GAP = 3, 11, 138
SHORT_GAPS, LONG_GAPS = 17, 18
# The header has a code of its own. One that suits all masks does not have to be found: 4 bits for
# gaps and the usual sizes, 5 for the rest; 13/16 + 6/32 = 1, so it is a full one.
HEADER_SIZES = np.full(19, 4, np.uint8)
HEADER_SIZES[[1, 12, 13, 14, 15, 16]] = 5
# The order in which deflate tells of that code.
HEADER_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


@compiled
def lengths(counts: NDArray[np.int64]) -> Sizes:
    """Bits of each symbol's word, 0 where it does not occur; two at least must."""
    sizes = _depths(counts)
    while max(sizes) > MOST_BITS:
        # Rare symbols would get words longer than deflate takes: let them seem less rare.
        counts = (counts + 1) // 2
        sizes = _depths(counts)
    return sizes


@compiled
def _depths(counts: NDArray[np.int64]) -> Sizes:
    """Huffman's tree, made from two queues: the symbols by weight, and the pairs as they come."""
    symbols, leaves = _sorted(counts)
    weights = np.zeros(2 * leaves - 1, np.int64)
    for place in range(leaves):
        weights[place] = counts[symbols[place]]
    parents = np.zeros(2 * leaves - 1, np.int64)
    leaf, pair = 0, leaves
    for made in range(leaves, 2 * leaves - 1):
        for _ in range(2):
            if leaf < leaves and (pair == made or weights[leaf] <= weights[pair]):
                least, leaf = leaf, leaf + 1
            else:
                least, pair = pair, pair + 1
            weights[made] += weights[least]
            parents[least] = made
    depths = np.zeros(2 * leaves - 1, np.int64)
    for node in range(2 * leaves - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    sizes = np.zeros(counts.size, np.uint8)
    for place in range(leaves):
        sizes[symbols[place]] = min(depths[place], 255)
    return sizes


@compiled
def _sorted(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The symbols that occur, the rarest first, and how many they are; numpy's own way would take
    seconds to compile."""
    symbols = np.zeros(counts.size, np.int64)
    size = 0
    for symbol in range(counts.size):
        if counts[symbol]:
            place = size
            while place and counts[symbols[place - 1]] > counts[symbol]:
                symbols[place] = symbols[place - 1]
                place -= 1
            symbols[place] = symbol
            size += 1
    return symbols, size


@compiled
def codes(sizes: Sizes) -> NDArray[np.uint64]:
    """The words of these sizes as deflate agrees on them, first bit lowest."""
    words = np.zeros(sizes.size, np.uint64)
    word = 0
    for size in range(1, MOST_BITS + 1):
        word <<= 1
        for symbol in range(sizes.size):
            if sizes[symbol] == size:
                words[symbol] = _reversed(word, size)
                word += 1
    return words


@compiled
def _reversed(word: int, size: int) -> int:
    turned = 0
    for place in range(size):
        turned |= (word >> place & 1) << (size - 1 - place)
    return turned


@compiled
def header(sizes: Sizes) -> NDArray[np.int64]:
    """What a block says of its code, as pairs of a value and the bits it takes."""
    told = np.empty((512, 2), np.int64)
    count = _tell(told, 0, LITERALS - 257, 5)
    count = _tell(told, count, DISTANCES - 1, 5)
    count = _tell(told, count, HEADER_SIZES.size - 4, 4)
    for symbol in HEADER_ORDER:
        count = _tell(told, count, HEADER_SIZES[symbol], 3)
    words = codes(HEADER_SIZES)
    # Its parts one by one: numba takes seconds to compile what would join them.
    every = np.ones(sizes.size + DISTANCES, np.uint8)
    for symbol in range(sizes.size):
        every[symbol] = sizes[symbol]
    place = 0
    while place < every.size:
        gap = _gap(every, place)
        if gap >= LONG_GAP:
            count = _tell(told, count, words[LONG_GAPS], HEADER_SIZES[LONG_GAPS])
            count = _tell(told, count, gap - LONG_GAP, 7)
        elif gap >= SHORT_GAP:
            count = _tell(told, count, words[SHORT_GAPS], HEADER_SIZES[SHORT_GAPS])
            count = _tell(told, count, gap - SHORT_GAP, 3)
        else:
            gap = 1
            count = _tell(told, count, words[every[place]], HEADER_SIZES[every[place]])
        place += gap
    return told[:count]


@compiled
def _gap(sizes: Sizes, place: int) -> int:
    """How many zeros begin there, up to what can be told at once."""
    end = place
    while end < sizes.size and not sizes[end] and end - place < LONGEST_GAP:
        end += 1
    return end - place


@compiled
def _tell(told: NDArray[np.int64], count: int, value: int, width: int) -> int:
    told[count, 0], told[count, 1] = value, width
    return count + 1
