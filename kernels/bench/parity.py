"""Nothing is timed before it agrees with the reference, bit for bit, on awkward inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from kernels.bench.timing import equal
from kernels.cases import FACTORS, SIZES

Move = Callable[[Any], Any]


def stay(array: Any) -> Any:
    """The CPU's kernels take arrays where they are."""
    return array


def check(backend: str, there: Move = stay, back: Move = stay) -> int:
    """The number of cases that agree, or an error; `there` and `back` move data to the device."""
    rng = np.random.default_rng(0)
    cases = 0
    for size in SIZES:
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        labels = rng.integers(0, 5, size, dtype=np.uint8)
        logits = np.round(rng.normal(size=(5, 7, 9)), 1).astype(np.float32)
        for factor in FACTORS:
            small = kernels.shrink(there(picture), factor, backend=backend)
            equal(back(small), kernels.shrink(picture, factor, backend="reference"))
            shares = kernels.soften(there(labels), factor, 5, backend=backend)
            equal(back(shares), kernels.soften(labels, factor, 5, backend="reference"))
            cases += 2
        mask = kernels.paint(there(logits), size, backend=backend)
        equal(back(mask), kernels.paint(logits, size, backend="reference"))
        cases += 1
    return cases
