"""Refuses label maps with strays, at a glance, and gives the rest the form the kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.compiled import compiled
from kernels.soften import stray

UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def checked(
    labels: NDArray[np.integer[Any]], classes: int, ignore: int
) -> NDArray[np.unsignedinteger[Any]]:
    """`labels` contiguous and unsigned: what is no class in them is void."""
    kind = np.iinfo(labels.dtype)
    plain = np.ascontiguousarray(labels).view(UNSIGNED[labels.itemsize])
    # Numbers of the labels' own width, so that the loop below compares as many as fit at once.
    top = plain.dtype.type(min(classes - 1, kind.max))
    void = plain.dtype.type(ignore % 256**labels.itemsize if kind.min <= ignore <= kind.max else 0)
    if _any_strays(plain, top, void):
        present = np.unique(labels)
        strays = present[((present < 0) | (present >= classes)) & (present != ignore)]
        raise stray(int(strays[0]), classes, ignore)
    return plain


@compiled
def _any_strays(labels: NDArray[Any], top: int, void: int) -> bool:
    for y in range(labels.shape[0]):
        found = False
        # No way out of this loop: then it is done many pixels at a time.
        for x in range(labels.shape[1]):
            found |= labels[y, x] > top and labels[y, x] != void
        if found:
            return True
    return False
