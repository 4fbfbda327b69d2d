"""The way back up that the small U-Nets share: coarse features meet finer ones, size by size."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import rectified

WIDTH = 64
# Of `add_decoder`'s submodules.
DECODER = ("scene", "deepest", "merges", "head")


class UNet(nn.Module):
    """An encoder whose finest level lies at half of the sides, and logits at all of them.

    The head predicts 2x2 logits for each cell of that level (pixel shuffle). [h,w] are the sides
    that the stem leaves: those of the picture, but where it halves them.
    """

    stride = 1
    multiple = 16
    widths: tuple[int, ...]

    @abstractmethod
    def encode(self, picture: Tensor) -> list[Tensor]:
        """What the encoder sees, at a half of the sides first and half of the last one then."""

    def add_decoder(self, classes: int) -> None:
        """Make the way back up, for levels of `widths`."""
        deepest = self.widths[-1]
        self.scene = nn.Conv2d(deepest, deepest, 1)
        self.deepest = rectified(deepest, WIDTH, 3)
        self.merges = nn.ModuleList(
            rectified(WIDTH + width, WIDTH, 3) for width in self.widths[-2::-1]
        )
        self.head = nn.Conv2d(WIDTH, 4 * classes, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h,w]."""
        return self.decode(self.encode(picture))

    def decode(self, levels: list[Tensor]) -> Tensor:
        """Logits [N,C,h,w]."""
        features = levels[-1]
        # The mean of the picture tells every pixel what kind of scene it is in.
        features = features + self.scene(features.mean((2, 3), keepdim=True))
        features = self.deepest(features)
        for merge, level in zip(self.merges, levels[-2::-1], strict=True):
            larger = F.interpolate(features, scale_factor=2.0, mode="bilinear")
            features = merge(torch.cat([larger, level], 1))
        return F.pixel_shuffle(self.head(features), 2)
