"""What one step learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kernels.paint import Mask


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures and their targets: shares of their own size, or labels at full size."""

    pictures: Tensor  # uint8 [N,h,w,3]
    shares: Tensor  # float32 [N,C,h,w]; [N,0,h,w] where the labels are at full size
    # One [H,W] a picture: zoomed views of one small size come from windows of many.
    labels: tuple[Tensor, ...] = ()
    ignore: int = 255

    def to(self, device: torch.device) -> Batch:
        """The same on `device`."""
        return replace(
            self,
            pictures=self.pictures.to(device),
            shares=self.shares.to(device),
            labels=tuple(labels.to(device) for labels in self.labels),
        )

    def cut(self, parts: int) -> list[Batch]:
        """The batch in that many parts, as even as can be."""
        edges = [len(self.pictures) * part // parts for part in range(parts + 1)]
        return [
            replace(
                self,
                pictures=self.pictures[first:last],
                shares=self.shares[first:last],
                labels=self.labels[first:last],
            )
            for first, last in pairwise(edges)
        ]


def tensor_of(pixels: Mask) -> Tensor:
    """Pixels as a tensor; torch can do little with uint16."""
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))
