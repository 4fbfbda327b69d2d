"""What `soften` means: the coverage of each class, counted in exact integers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.factor import axis
from kernels.soften import stray


def soften(
    labels: NDArray[np.integer[Any]], factor: Fraction, classes: int, ignore: int
) -> NDArray[np.float32]:
    """Class shares of each cell."""
    strays = np.setdiff1d(labels, [*range(classes), ignore])
    if strays.size:
        raise stray(int(strays[0]), classes, ignore)
    rows, columns = axis(labels.shape[0], factor), axis(labels.shape[1], factor)
    down, across = rows.coverage(), columns.coverage().T
    covered = [down @ (labels == label).astype(np.int64) @ across for label in range(classes)]
    area = rows.cell_length * columns.cell_length
    return (np.stack(covered) / area).astype(np.float32)
