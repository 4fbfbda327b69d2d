"""Label maps and logits like real ones: what is timed on noise says little about streets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import kernels

SIZE = (1024, 2048)
CLASSES = 19


def blocks(size: tuple[int, int], classes: int) -> NDArray[np.uint8]:
    """A label map like a street's: big areas, smaller things, thin ones on top, some void."""
    rng = np.random.default_rng(0)
    labels = np.zeros(size, np.uint8)
    for index in range(400):
        side = size[0] // (2 + index // 8)
        height, width = side, max(2, round(side * rng.uniform(0.05, 2)))
        top, left = rng.integers(-height, size[0]), rng.integers(-width, size[1])
        label = 255 if index % 40 == 39 else rng.integers(0, classes)
        labels[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = label
    return labels


def learned(cells: tuple[int, int], classes: int) -> NDArray[np.float32]:
    """Logits as a good model gives them: the logarithm of the shares of such a label map."""
    labels = blocks((8 * cells[0], 8 * cells[1]), classes)
    noise = np.random.default_rng(2).normal(0, 0.3, (classes, *cells))
    return np.asarray(np.log(kernels.soften(labels, "1/8", classes) + 1e-3) + noise, np.float32)
