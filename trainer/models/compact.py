"""`compact`: a small residual U-Net made for reduced pictures, 2.8 million weights.

A reduced picture has no pixels to waste, so the first stage works at half its size and the head
predicts 2x2 logits a cell (pixel shuffle): logits come out at the small picture's own size.
Only convolutions, batch norm, ReLU, mean, resize and shuffle: all of it plain ONNX and TensorRT.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import BatchNorm

WIDTHS = (32, 64, 128, 192)
DECODER_WIDTH = 64


def build(classes: int) -> Compact:
    """A fresh body for that many classes."""
    return Compact(classes)


class Compact(nn.Module):
    """Four stages down to 1/16 of the small picture, and back up to all of it."""

    stride = 1
    multiple = 16
    fresh = ("head",)
    widths = WIDTHS

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(_convolution(i, o, stride=2), Residual(o), Residual(o))
            for i, o in zip(inputs, WIDTHS, strict=True)
        )
        self.scene = nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 1)
        self.deepest = _convolution(WIDTHS[-1], DECODER_WIDTH)
        self.merges = nn.ModuleList(
            _convolution(DECODER_WIDTH + width, DECODER_WIDTH) for width in WIDTHS[-2::-1]
        )
        self.head = nn.Conv2d(DECODER_WIDTH, 4 * classes, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h,w]."""
        return self.decode(self.encode(picture))

    def encode(self, picture: Tensor) -> list[Tensor]:
        """What each stage sees, at a half to a sixteenth of the sides."""
        levels = []
        features = picture
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        return levels

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


class Residual(nn.Module):
    """Two convolutions that learn what to add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), BatchNorm(width)
        )

    def forward(self, features: Tensor) -> Tensor:
        """The features, refined; same shape."""
        return F.relu(features + self.second(self.first(features)))


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        BatchNorm(outputs),
        nn.ReLU(inplace=True),
    )
