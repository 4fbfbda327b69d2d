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

    def runs(self, longest: int) -> NDArray[np.int64]:
        """Where runs of pixels between the same two neighbours begin, and the end of the last.

        A run that crosses a multiple of `longest` is cut there.
        """
        begins = np.diff(self.near, prepend=-1) != 0
        begins[::longest] = True
        return np.append(np.flatnonzero(begins), self.near.size)


def taps(pixels: int, cells: int, first: int = 0, count: int | None = None) -> Taps:
    """Half-pixel bilinear taps, from the exact position ((2x+1)*cells - pixels) / (2*pixels).

    Of all pixels, or of `count` from `first` on.
    """
    last = pixels if count is None else first + count
    position = (2 * np.arange(first, last, dtype=np.int64) + 1) * cells - pixels
    near, rest = np.divmod(np.maximum(position, 0), 2 * pixels)
    return Taps(
        near=near,
        far=np.minimum(near + 1, cells - 1),
        weight=(rest / (2 * pixels)).astype(np.float32),
    )
