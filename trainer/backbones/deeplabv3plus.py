"""DeepLabV3+: a dilated backbone, pyramid pooling and a decoder at a quarter of the sides.

Heads are named as in the DeepLabV3Plus-Pytorch checkpoints, backbones as torchvision names them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.backbones.layers import BatchNorm, convolution, initialise, rectified

# For features at a sixteenth of the sides (Chen et al. 2018).
RATES = (6, 12, 18)
WIDTH = 256
FINE_WIDTH = 48


class Backbone(Protocol):
    """An nn.Module that gives features at a quarter and at a sixteenth of the sides."""

    fine_width: int
    coarse_width: int

    def __call__(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Float [N,3,h,w] -> fine [N,F,h/4,w/4] and coarse [N,G,h/16,w/16]."""


class DeepLabV3Plus(nn.Module):
    """A backbone and the head that turns its two grids into logits."""

    stride = 4
    multiple = 16
    fresh = ("classifier",)

    def __init__(self, backbone: Backbone, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.widths = (backbone.fine_width, backbone.coarse_width)
        self.classifier = Head(backbone.fine_width, backbone.coarse_width, classes)
        initialise(self, self.classifier.classifier[-1])

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h/4,w/4]."""
        return self.decode(self.encode(picture))

    def encode(self, picture: Tensor) -> list[Tensor]:
        """What the backbone sees, at a quarter and at a sixteenth of the sides."""
        return list(self.backbone(picture))

    def decode(self, levels: list[Tensor]) -> Tensor:
        """Logits [N,C,h/4,w/4]."""
        logits: Tensor = self.classifier(*levels)
        return logits


class Head(nn.Module):
    """Merges what the coarse grid knows with where the fine grid sees it."""

    def __init__(self, fine: int, coarse: int, classes: int) -> None:
        super().__init__()
        self.project = rectified(fine, FINE_WIDTH)
        self.aspp = Pyramid(coarse)
        self.classifier = rectified(FINE_WIDTH + WIDTH, WIDTH, 3)
        self.classifier.append(nn.Conv2d(WIDTH, classes, 1))

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Logits on the fine grid."""
        context = F.interpolate(self.aspp(coarse), scale_factor=4.0, mode="bilinear")
        logits: Tensor = self.classifier(torch.cat([self.project(fine), context], 1))
        return logits


class Pyramid(nn.Module):
    """Looks at each place at four rates, and at the picture as a whole."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                rectified(inputs, WIDTH),
                *(rectified(inputs, WIDTH, 3, dilation=rate) for rate in RATES),
                # The mean has no weights, but public checkpoints count it.
                nn.Sequential(
                    nn.AdaptiveAvgPool2d(1),
                    convolution(inputs, WIDTH),
                    BatchNorm(WIDTH),
                    nn.ReLU(inplace=True),
                ),
            ]
        )
        self.project = rectified(len(self.convs) * WIDTH, WIDTH).append(nn.Dropout(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """[N,inputs,h,w] -> [N,256,h,w]."""
        *looks, scene = [look(features) for look in self.convs]
        merged: Tensor = self.project(torch.cat([*looks, scene.expand_as(looks[0])], 1))
        return merged
