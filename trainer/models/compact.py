"""`compact`: a small residual U-Net made for reduced pictures, 2.8 million weights.

A reduced picture has no pixels to waste, so the first stage works at half its size and the head
predicts 2x2 logits a cell (pixel shuffle): logits come out at the small picture's own size.
Only convolutions, batch norm, ReLU, mean, resize and shuffle: all of it plain ONNX and TensorRT.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import normed, rectified
from trainer.backbones.unet import UNet

WIDTHS = (32, 64, 128, 192)


def build(classes: int) -> Compact:
    """A fresh body for that many classes."""
    return Compact(classes)


class Compact(UNet):
    """Four stages down to 1/16 of the small picture, and back up to all of it."""

    fresh = ("head",)
    widths = WIDTHS

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(rectified(i, o, 3, stride=2), Residual(o), Residual(o))
            for i, o in zip(inputs, WIDTHS, strict=True)
        )
        self.add_decoder(classes)

    def encode(self, picture: Tensor) -> list[Tensor]:
        """What each stage sees, at a half to a sixteenth of the sides."""
        levels = []
        features = picture
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        return levels


class Residual(nn.Module):
    """Two convolutions that learn what to add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = rectified(width, width, 3)
        self.second = normed(width, width, 3)

    def forward(self, features: Tensor) -> Tensor:
        """The features, refined; same shape."""
        return F.relu(features + self.second(self.first(features)))
