"""HRNetV2: four grids side by side that keep telling each other; names are the official code's.

Where the official code up-samples between corners, this one up-samples between pixel centres, as
everything else here does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import (
    Basic,
    BatchNorm,
    Bottleneck,
    convolution,
    initialise,
    normed,
    rectified,
)
from trainer.backbones.resnet import stage

BLOCKS = 4
# How often the grids meet while there are two, three and four of them.
MEETINGS = (1, 4, 3)
STEM = 64


class HRNet(nn.Module):
    """The body without a head: 15 * width features at a quarter of the sides."""

    stride = 4
    multiple = 32

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width * 2**grid for grid in range(4)]
        self.widths = tuple(widths)
        self.width = sum(widths)
        self.conv1, self.bn1 = convolution(3, STEM, 3, stride=2), BatchNorm(STEM)
        self.conv2, self.bn2 = convolution(STEM, STEM, 3, stride=2), BatchNorm(STEM)
        self.layer1 = stage(STEM, STEM, BLOCKS)
        self.transition1 = transition([Bottleneck.expansion * STEM], widths[:2])
        self.stage2 = meetings(widths[:2], MEETINGS[0])
        self.transition2 = transition(widths[:2], widths[:3])
        self.stage3 = meetings(widths[:3], MEETINGS[1])
        self.transition3 = transition(widths[:3], widths)
        self.stage4 = meetings(widths, MEETINGS[2])

    def encode(self, picture: Tensor) -> list[Tensor]:
        """Float [N,3,h,w] -> what the four grids see, at a quarter to a 32nd of the sides."""
        stem = F.relu(self.bn1(self.conv1(picture)), inplace=True)
        stem = F.relu(self.bn2(self.conv2(stem)), inplace=True)
        grids = [self.layer1(stem)]
        for change, exchange in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            grids = exchange(_changed(change, grids))
        return grids


class HRNetV2(HRNet):
    """HRNet and two 1x1 convolutions over all of its grids."""

    fresh = ("last_layer",)

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width)
        self.last_layer = classifier(self.width, classes)
        initialise(self, self.last_layer[-1])

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h/4,w/4]."""
        return self.decode(self.encode(picture))

    def decode(self, levels: list[Tensor]) -> Tensor:
        """Logits [N,C,h/4,w/4]."""
        logits: Tensor = self.last_layer(merged(levels))
        return logits


def merged(grids: Sequence[Tensor]) -> Tensor:
    """All grids as one of 15 * width features, on the finest."""
    finest, *others = grids
    return torch.cat([finest, *(_larger(grid, 2**i) for i, grid in enumerate(others, 1))], 1)


def classifier(width: int, classes: int) -> nn.Sequential:
    """The official head; its convolutions have a bias each."""
    return nn.Sequential(
        nn.Conv2d(width, width, 1),
        BatchNorm(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, classes, 1),
    )


def transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """From each grid to the same grid in its new width, and one more grid of half the sides."""
    same = [
        nn.Identity() if old == new else rectified(old, new, 3)
        for old, new in zip(before, after, strict=False)
    ]
    halved = nn.Sequential(rectified(before[-1], after[-1], 3, stride=2))
    return nn.ModuleList([*same, halved])


def _changed(change: nn.ModuleList, grids: list[Tensor]) -> list[Tensor]:
    """The grids, and a new one made of the coarsest."""
    sources = [*grids, grids[-1]]
    return [layer(source) for layer, source in zip(change, sources, strict=True)]


def meetings(widths: Sequence[int], count: int) -> nn.Sequential:
    """`count` meetings of the same grids in a row."""
    return nn.Sequential(*(Meeting(widths) for _ in range(count)))


class Meeting(nn.Module):
    """Each grid works alone, then every grid adds what the others have to say."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(width) for _ in range(BLOCKS))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_told(widths, speaker, listener) for speaker in range(len(widths)))
            for listener in range(len(widths))
        )

    def forward(self, grids: list[Tensor]) -> list[Tensor]:
        """The grids, refined; same shapes."""
        alone = [branch(grid) for branch, grid in zip(self.branches, grids, strict=True)]
        told = (
            [layer(grid) for layer, grid in zip(layers, alone, strict=True)]  # type: ignore[call-overload]
            for layers in self.fuse_layers
        )
        return [F.relu(reduce(add, parts)) for parts in told]


def _told(widths: Sequence[int], speaker: int, listener: int) -> nn.Module:
    """What brings the speaker's features to the listener's grid and width."""
    inputs, outputs = widths[speaker], widths[listener]
    if speaker == listener:
        return nn.Identity()
    if speaker > listener:
        up = nn.Upsample(scale_factor=2.0 ** (speaker - listener), mode="bilinear")
        return normed(inputs, outputs).append(up)
    halvings = [rectified(inputs, inputs, 3, stride=2) for _ in range(listener - speaker - 1)]
    return nn.Sequential(*halvings, normed(inputs, outputs, 3, stride=2))


def _larger(grid: Tensor, times: int) -> Tensor:
    return F.interpolate(grid, scale_factor=float(times), mode="bilinear")
