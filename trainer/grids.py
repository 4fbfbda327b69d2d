"""Between the grid of the labels and the coarser ones of an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]


def hyper_column(levels: Sequence[Tensor], grid: Size) -> Tensor:
    """All levels on one grid, [N,sum of widths,h,w] of length 1: each level counts as much."""
    unit = [F.normalize(resized(level.float(), grid), dim=1) for level in levels]
    return F.normalize(torch.cat(unit, 1), dim=1)


def pooled(plane: Tensor, padded: Size, grid: Size) -> Tensor:
    """The mean of [N,C,h,w] in each cell of a level of the padded grid; padding is 0."""
    lacking = padded[1] - plane.shape[3], padded[0] - plane.shape[2]
    return F.adaptive_avg_pool2d(F.pad(plane, (0, lacking[0], 0, lacking[1])), grid)


def spread(plane: Tensor, padded: Size, cells: Size) -> Tensor:
    """A level [N,C,gh,gw] of the padded grid, brought back to the labels' own."""
    whole = F.interpolate(plane, size=padded, mode="bilinear", align_corners=False)
    return whole[..., : cells[0], : cells[1]]


def resized(level: Tensor, grid: Size) -> Tensor:
    """A level on another grid: means where that is coarser, bilinear where it is finer."""
    if level.shape[-2] > grid[0]:
        return F.adaptive_avg_pool2d(level, grid)
    return F.interpolate(level, size=grid, mode="bilinear", align_corners=False)


def sides(planes: Tensor) -> Size:
    """Height and width of [N,C,h,w]."""
    return planes.shape[2], planes.shape[3]
