"""Mixes the crops of a batch: parts of each are shown in the place of parts of the one before."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Of a box: its share of the crop, and its height over its width (Yang et al., UniMatch).
LEAST, MOST = 0.02, 0.4
FLATTEST, TALLEST = 0.3, 1 / 0.3


def box(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """bool [h,w]: a random rectangle of the crop."""
    area, shape = rng.uniform(LEAST, MOST) * size[0] * size[1], rng.uniform(FLATTEST, TALLEST)
    height = min(size[0], max(1, int(math.sqrt(area * shape))))
    width = min(size[1], max(1, int(math.sqrt(area / shape))))
    top, left = rng.integers(size[0] - height + 1), rng.integers(size[1] - width + 1)
    inside = np.zeros(size, np.bool_)
    inside[top : top + height, left : left + width] = True
    return inside


def over(pictures: Tensor, place: Tensor) -> Tensor:
    """Places bool [N,h,w] of the labels' cells, for pictures: [N,h*sight,w*sight,1]."""
    sight = pictures.shape[1] // place.shape[1]
    return place.repeat_interleave(sight, 1).repeat_interleave(sight, 2)[..., None]


def mixed(batch: Tensor, place: Tensor) -> Tensor:
    """Each of [N,...] with what the next one shows where its own `place` is true.

    The last one takes from the first; `place` is bool and broadcasts against the batch.
    """
    return torch.where(place, batch.roll(-1, 0), batch)
