"""How one share is written as float32, float16 or uint8; numba has no float16 of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled

# numba gives plain numbers the types of numpy.
Whole = int | np.integer[Any]
PATTERNS = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def bits(shares: NDArray[Any]) -> NDArray[Any]:
    """The same memory as unsigned integers."""
    return shares.view(PATTERNS[shares.itemsize])


@compiled
def encoded(count: Whole, total: Whole, size: int) -> Whole:
    """The bit pattern of count / total, in `size` bytes; 0 <= count <= total."""
    if size == 1:
        quotient = (510 * count + total) // (2 * total)
        if quotient % 2 == 1 and quotient * 2 * total == 510 * count + total:
            quotient -= 1
        return quotient
    single = np.float32(count / total)
    pattern = np.int64(single.view(np.int32))
    if size == 4:
        return pattern
    if single < 2.0**-14:
        return np.int64(np.rint(single * 2.0**24))
    # 23 bits of fraction become 10, half to even, and the exponent counts from 15, not from 127.
    return ((pattern + 0xFFF + ((pattern >> 13) & 1)) >> 13) - ((127 - 15) << 10)
