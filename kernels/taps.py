"""Where a full-size pixel falls among the logits: its two neighbours and their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Taps:
    """Per full-size pixel along one axis: neighbours `near`, `far` and the weight of `far`."""

    near: NDArray[np.int64]
    far: NDArray[np.int64]
    weight: NDArray[np.float32]


def taps(pixels: int, cells: int) -> Taps:
    """Half-pixel bilinear taps, from the exact position ((2x+1)*cells - pixels) / (2*pixels)."""
    position = (2 * np.arange(pixels, dtype=np.int64) + 1) * cells - pixels
    near, rest = np.divmod(np.maximum(position, 0), 2 * pixels)
    return Taps(
        near=near,
        far=np.minimum(near + 1, cells - 1),
        weight=(rest / (2 * pixels)).astype(np.float32),
    )
