"""What one step learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kernels.paint import Mask
from trainer.views import Frame


@dataclass(frozen=True, kw_only=True)
class Unlabelled:
    """Crops without labels: as they are (weak), and the same crops in disguise (strong)."""

    weak: Tensor  # uint8 [N,h*sight,w*sight,3]
    strong: tuple[Tensor, ...]  # each as weak
    valid: Tensor  # float32 [N,h,w] the share of each cell that lies inside its picture
    frames: tuple[Frame, ...]
    # Of whatever a method draws for each crop: the same whoever learns from it.
    seeds: tuple[int, ...]

    def to(self, device: torch.device) -> Unlabelled:
        """The same on `device`."""
        strong = tuple(view.to(device) for view in self.strong)
        return replace(self, weak=self.weak.to(device), strong=strong, valid=self.valid.to(device))

    def part(self, first: int, last: int) -> Unlabelled:
        """Some of the crops."""
        return Unlabelled(
            weak=self.weak[first:last],
            strong=tuple(view[first:last] for view in self.strong),
            valid=self.valid[first:last],
            frames=self.frames[first:last],
            seeds=self.seeds[first:last],
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures and their targets: shares on the grid of the logits, or labels at full size."""

    pictures: Tensor  # uint8 [N,h*sight,w*sight,3]
    shares: Tensor  # float32 [N,C,h,w]; [N,0,h,w] where the labels are at full size
    # One [H,W] a picture: zoomed views of one small size come from windows of many.
    labels: tuple[Tensor, ...] = ()
    ignore: int = 255
    # As many crops as there are pictures, where the method learns from such.
    unlabelled: Unlabelled | None = None

    def to(self, device: torch.device) -> Batch:
        """The same on `device`."""
        return replace(
            self,
            pictures=self.pictures.to(device),
            shares=self.shares.to(device),
            labels=tuple(labels.to(device) for labels in self.labels),
            unlabelled=self.unlabelled and self.unlabelled.to(device),
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
                unlabelled=self.unlabelled and self.unlabelled.part(first, last),
            )
            for first, last in pairwise(edges)
        ]


def crops_of(batch: Batch) -> Unlabelled:
    """The unlabelled crops that a method has asked the loader for."""
    if batch.unlabelled is None:
        raise TypeError("the loader gave no unlabelled crops")
    return batch.unlabelled


def tensor_of(pixels: Mask) -> Tensor:
    """Pixels as a tensor; torch can do little with uint16."""
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))
