"""The network as everyone downstream sees it: uint8 small pictures in, logits out."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer import catalog

# ImageNet's statistics, in 0..255: what public pre-trained bodies expect.
MEAN = (123.675, 116.28, 103.53)
SPREAD = (58.395, 57.12, 57.375)


class Body(Protocol):
    """What a model file builds: an nn.Module that also says how its grids relate."""

    stride: int  # side of the small picture / side of the logits
    multiple: int  # the sides it takes are multiples of this

    def __call__(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h/stride,w/stride]."""


class Network(nn.Module):
    """Normalises, pads to what the body takes, and brings the logits back to the small picture.

    One logit cell a small pixel: a coarser grid, stretched to a size that its stride does not
    divide, would lie beside the pixels it speaks of.
    """

    mean: Tensor
    spread: Tensor
    # What each of `heads` counts for in the loss.
    head_weights: tuple[float, ...] = (1.0,)

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))

    def forward(self, small: Tensor) -> Tensor:
        """0..255 [N,h,w,3] -> float32 logits [N,C,h,w]."""
        # The cast comes first because TensorRT takes uint8 into nothing else.
        picture = (small.to(torch.float32).permute(0, 3, 1, 2) - self.mean) / self.spread
        height, width = picture.shape[-2:]
        multiple = self.body.multiple
        padded = F.pad(picture, (0, -width % multiple, 0, -height % multiple))
        logits = self.body(padded)
        if self.body.stride > 1:
            logits = F.interpolate(logits, size=padded.shape[-2:], mode="bilinear")
        return logits[..., :height, :width]

    def heads(self, small: Tensor) -> list[Tensor]:
        """The logits of every head that learns, the one that predicts first."""
        return [self(small)]

    def groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """(pre-trained weights, weights of the head): they may learn at different rates."""
        return list(self.parameters()), []


def build(model: str, classes: int) -> Network:
    """A fresh network around the model of that name."""
    return Network(catalog.find("models", model).build(classes))
