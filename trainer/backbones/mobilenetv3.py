"""MobileNetV3-Large, its last blocks dilated: parameter names are torchvision's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import BatchNorm


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One inverted bottleneck: kernel, inner and outer width, and what it does besides."""

    kernel: int
    inner: int
    outer: int
    squeezed: bool = False
    smooth: bool = False
    stride: int = 1
    dilation: int = 1


STEM = 16
# Howard et al. 2019, table 1. The last three would halve the sides; here they are dilated.
BLOCKS = (
    Shape(kernel=3, inner=16, outer=16),
    Shape(kernel=3, inner=64, outer=24, stride=2),
    Shape(kernel=3, inner=72, outer=24),
    Shape(kernel=5, inner=72, outer=40, squeezed=True, stride=2),
    Shape(kernel=5, inner=120, outer=40, squeezed=True),
    Shape(kernel=5, inner=120, outer=40, squeezed=True),
    Shape(kernel=3, inner=240, outer=80, smooth=True, stride=2),
    Shape(kernel=3, inner=200, outer=80, smooth=True),
    Shape(kernel=3, inner=184, outer=80, smooth=True),
    Shape(kernel=3, inner=184, outer=80, smooth=True),
    Shape(kernel=3, inner=480, outer=112, squeezed=True, smooth=True),
    Shape(kernel=3, inner=672, outer=112, squeezed=True, smooth=True),
    Shape(kernel=5, inner=672, outer=160, squeezed=True, smooth=True, dilation=2),
    Shape(kernel=5, inner=960, outer=160, squeezed=True, smooth=True, dilation=2),
    Shape(kernel=5, inner=960, outer=160, squeezed=True, smooth=True, dilation=2),
)
# Features after the stem and three blocks lie at a quarter of the sides.
FINE = 4


class MobileNetV3(nn.Module):
    """Features at a quarter of the sides and, from the last blocks, at a sixteenth."""

    fine_width = 24
    coarse_width = 960

    def __init__(self) -> None:
        super().__init__()
        widths = (STEM, *(shape.outer for shape in BLOCKS))
        self.features = nn.Sequential(
            _layer(3, STEM, 3, stride=2, act=nn.Hardswish),
            *(Inverted(i, shape) for (i, _), shape in zip(pairwise(widths), BLOCKS, strict=True)),
            _layer(widths[-1], self.coarse_width, 1, act=nn.Hardswish),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """[N,3,h,w] -> [N,24,h/4,w/4] and [N,960,h/16,w/16]."""
        fine = self.features[:FINE](picture)
        return fine, self.features[FINE:](fine)


class Inverted(nn.Module):
    """Widen, look around in every channel alone, weigh the channels, narrow, and add."""

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        act = nn.Hardswish if shape.smooth else nn.ReLU
        self.adds = shape.stride == 1 and inputs == shape.outer
        self.block = nn.Sequential()
        if shape.inner != inputs:
            self.block.append(_layer(inputs, shape.inner, 1, act=act))
        self.block.append(
            _layer(
                shape.inner,
                shape.inner,
                shape.kernel,
                stride=shape.stride,
                dilation=shape.dilation,
                groups=shape.inner,
                act=act,
            )
        )
        if shape.squeezed:
            self.block.append(Squeeze(shape.inner))
        self.block.append(_layer(shape.inner, shape.outer, 1))

    def forward(self, features: Tensor) -> Tensor:
        """[N,inputs,h,w] -> [N,outer,h/stride,w/stride]."""
        inner: Tensor = self.block(features)
        return features + inner if self.adds else inner


class Squeeze(nn.Module):
    """Weighs the channels by what the whole picture shows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # A quarter, in whole eights, and never less than nine tenths of that.
        narrow = max(8, (width // 4 + 4) // 8 * 8)
        narrow += 8 * (narrow < 0.9 * (width // 4))
        self.fc1, self.fc2 = nn.Conv2d(width, narrow, 1), nn.Conv2d(narrow, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The features, weighed; same shape."""
        scene = F.relu(self.fc1(features.mean((2, 3), keepdim=True)))
        return features * F.hardsigmoid(self.fc2(scene))


def _layer(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    act: type[nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Convolution, batch norm as MobileNetV3 has it, and an activation."""
    padding = dilation * (kernel // 2)
    turned = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, dilation=dilation, groups=groups, bias=False
    )
    return nn.Sequential(turned, BatchNorm(outputs, eps=1e-3, momentum=0.01), act())
