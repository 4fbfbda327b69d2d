"""EfficientNet-Lite0: convolutions and clipped rectifiers alone, named as in its public file.

The weights were learned in TensorFlow, which pads what it halves at the right and below.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import BatchNorm


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Blocks in a row: the first one changes the width and perhaps the size, the others add."""

    blocks: int
    kernel: int
    width: int
    stride: int
    expansion: int = 6


STEM = 32
# Tan and Le 2019, table 1; Lite leaves out squeeze-and-excitation.
STAGES = (
    Stage(blocks=1, kernel=3, width=16, stride=1, expansion=1),
    Stage(blocks=2, kernel=3, width=24, stride=2),
    Stage(blocks=2, kernel=5, width=40, stride=2),
    Stage(blocks=3, kernel=3, width=80, stride=2),
    Stage(blocks=3, kernel=5, width=112, stride=1),
    Stage(blocks=4, kernel=5, width=192, stride=2),
    Stage(blocks=1, kernel=3, width=320, stride=1),
)


class EfficientNetLite0(nn.Module):
    """Features after each stage before the sides are halved, the finest first."""

    def __init__(self, *, stem_stride: int = 2) -> None:
        super().__init__()
        self._conv_stem = Padded(3, STEM, 3, stride=stem_stride)
        self._bn0 = _norm(STEM)
        self._blocks = nn.ModuleList()
        width = STEM
        # The blocks after which the sides are halved, and the last one.
        self.ends: tuple[int, ...] = ()
        self.widths: tuple[int, ...] = ()
        for stage in STAGES:
            if stage.stride > 1:
                self._note(width)
            for turn in range(stage.blocks):
                stride = stage.stride if turn == 0 else 1
                self._blocks.append(Block(width, stage, stride))
                width = stage.width
        self._note(width)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """[N,3,h,w] -> the features of each size."""
        features = F.relu6(self._bn0(self._conv_stem(picture)))
        levels = []
        for place, block in enumerate(self._blocks):
            features = block(features)
            if place + 1 in self.ends:
                levels.append(features)
        return levels

    def _note(self, width: int) -> None:
        self.ends += (len(self._blocks),)
        self.widths += (width,)


class Block(nn.Module):
    """Widen, look around in every channel alone, narrow, and add where the shape stays."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.adds = stride == 1 and inputs == stage.width
        self.widens = stage.expansion > 1
        if self.widens:
            self._expand_conv, self._bn0 = Padded(inputs, inner, 1), _norm(inner)
        self._depthwise_conv = Padded(inner, inner, stage.kernel, stride=stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv, self._bn2 = Padded(inner, stage.width, 1), _norm(stage.width)

    def forward(self, features: Tensor) -> Tensor:
        """[N,inputs,h,w] -> [N,width,h/stride,w/stride]."""
        inner = features
        if self.widens:
            inner = F.relu6(self._bn0(self._expand_conv(inner)))
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        narrow: Tensor = self._bn2(self._project_conv(inner))
        return features + narrow if self.adds else narrow


class Padded(nn.Conv2d):
    """A convolution that keeps the size, or halves even sides with the odd pixel after the end."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        before = (kernel - stride) // 2
        after = kernel - stride - before
        self.border = (before, after, before, after) if stride > 1 else ()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch calls it so
        """[N,inputs,h,w] -> [N,outputs,h/stride,w/stride]."""
        padded = F.pad(input, self.border) if self.border else input
        return super().forward(padded)


def _norm(width: int) -> BatchNorm:
    return BatchNorm(width, eps=1e-3, momentum=0.01)
