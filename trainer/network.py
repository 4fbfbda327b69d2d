"""The network as everyone downstream sees it: uint8 small pictures in, logits out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn import functional as F

from kernels.errors import UserError
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


@runtime_checkable
class Guessing(Protocol):
    """A body with auxiliary heads, that only training looks at."""

    head_weights: tuple[float, ...]  # of the losses; the main head's is first

    def heads(self, picture: Tensor) -> list[Tensor]:
        """The logits, then those of the auxiliary heads, all on one grid."""


@runtime_checkable
class Divided(Protocol):
    """A body of an encoder and a decoder; one with auxiliary heads also has `decode_heads`."""

    widths: tuple[int, ...]  # channels of each level, the finest first

    def encode(self, picture: Tensor) -> list[Tensor]:
        """What the encoder sees on each of its grids."""

    def decode(self, levels: list[Tensor]) -> Tensor:
        """What the body gives for the picture of these levels."""


@runtime_checkable
class Fillable(Protocol):
    """A body that public weights fill, but for the head."""

    fresh: tuple[str, ...]  # names of the submodules that no public weights fill


@runtime_checkable
class Configured(Protocol):
    """A body whose name does not say all of it."""

    config: str  # in place of what follows the name's colon, it builds the same body anywhere


class Network(nn.Module):
    """Normalises, pads to what the body takes, and brings the logits to the grid of the labels.

    One logit cell for `sight` small pixels, down and across: a coarser grid, stretched to a size
    that its stride does not divide, would lie beside the pixels it speaks of.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, body: Body, sight: int = 1) -> None:
        super().__init__()
        self.body, self.sight = body, sight
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1))

    def forward(self, small: Tensor) -> Tensor:
        """0..255 [N,h,w,3] -> float32 logits [N,C,h/sight,w/sight]."""
        return self._on_cells(self.body(self._picture(small)), small)

    def heads(self, small: Tensor) -> list[Tensor]:
        """What `forward` gives, and the same of the auxiliary heads: for training."""
        picture = self._picture(small)
        heads = self.body.heads if isinstance(self.body, Guessing) else _alone(self.body)
        return [self._on_cells(logits, small) for logits in heads(picture)]

    def encode(self, small: Tensor) -> list[Tensor]:
        """What the encoder sees of 0..255 [N,h,w,3] on each of its grids, the finest first."""
        return self._divided.encode(self._picture(small))

    def decode(self, levels: list[Tensor], small: Tensor) -> Tensor:
        """What `forward` gives for the picture of these levels."""
        return self._on_cells(self._divided.decode(levels), small)

    def decode_heads(self, levels: list[Tensor], small: Tensor) -> list[Tensor]:
        """What `heads` gives for the picture of these levels."""
        if not isinstance(self.body, Guessing):
            return [self.decode(levels, small)]
        guesses: list[Tensor] = cast(Any, self.body).decode_heads(levels)
        return [self._on_cells(logits, small) for logits in guesses]

    def padded(self, cells: tuple[int, int]) -> tuple[int, int]:
        """What the body's levels cover, in cells of the logits, of a grid of so many cells."""
        height, width = (side + self._lacking(side * self.sight) // self.sight for side in cells)
        return height, width

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level of `encode`."""
        return self._divided.widths

    @property
    def _divided(self) -> Divided:
        if isinstance(self.body, Divided):
            return self.body
        raise UserError(
            "this model does not show its encoder, which the method wants to see",
            hint=f"choose another --model ({', '.join(_dividable())}), or --method soft",
        )

    @property
    def head_weights(self) -> tuple[float, ...]:
        """How much each of `heads` counts in the loss."""
        return self.body.head_weights if isinstance(self.body, Guessing) else (1.0,)

    @property
    def config(self) -> str:
        """What `build` wants besides the model's name; most models want nothing."""
        return self.body.config if isinstance(self.body, Configured) else ""

    def groups(self) -> tuple[list[Parameter], list[Parameter]]:
        """The weights that public ones may fill, and those of the head, which begin fresh."""
        prefixes = self.body.fresh if isinstance(self.body, Fillable) else ()
        starts = tuple(f"body.{prefix}." for prefix in prefixes)
        filled = [value for name, value in self.named_parameters() if not name.startswith(starts)]
        fresh = [value for name, value in self.named_parameters() if name.startswith(starts)]
        return filled, fresh

    def _picture(self, small: Tensor) -> Tensor:
        """0..255 [N,h,w,3] -> normalised [N,3,h',w'], padded to what the body takes."""
        # The cast comes first because TensorRT takes uint8 into nothing else.
        picture = (small.to(torch.float32).permute(0, 3, 1, 2) - self.mean) / self.spread
        height, width = picture.shape[-2:]
        return F.pad(picture, (0, self._lacking(width), 0, self._lacking(height)))

    def _lacking(self, side: int) -> int:
        """Pixels up to the next side that the body takes; torch.export cannot reason with %."""
        multiple = self.body.multiple
        return (side + multiple - 1) // multiple * multiple - side

    def _on_cells(self, logits: Tensor, small: Tensor) -> Tensor:
        """The body's logits, on the grid of the labels."""
        height, width = small.shape[1] // self.sight, small.shape[2] // self.sight
        if self.body.stride > self.sight:
            larger = float(self.body.stride // self.sight)
            logits = F.interpolate(logits, scale_factor=larger, mode="bilinear")
        return logits[..., :height, :width]


def build(model: str, classes: int, *, sight: int = 1, config: str = "") -> Network:
    """A fresh network around the model of that name; `config` is what such a network told."""
    name, _, where = model.partition(":")
    module = catalog.find("models", name)
    wanted: str = getattr(module, "WHERE", "")
    if wanted and not where:
        raise UserError(f"model '{name}' wants {wanted} after a colon", hint=f"write {name}:DIR")
    if where and not wanted:
        raise UserError(f"model '{model}': nothing follows '{name}'", hint=f"write {name}")
    body = module.build(classes, config or where) if wanted else module.build(classes)
    _refuse_sight(sight, model, body)
    return Network(cast(Body, body), sight)


def _refuse_sight(sight: int, model: str, body: Body) -> None:
    """Raise where the cells of the logits would hold no whole number of what the body gives."""
    both = math.gcd(body.stride, body.multiple)
    taken = [each for each in range(1, both + 1) if both % each == 0]
    if sight not in taken:
        raise UserError(
            f"--sight {sight} is not for {model}, which takes {', '.join(map(str, taken))}",
            hint=f"its logits speak of {body.stride}x{body.stride} pixels each that it sees: leave "
            "--sight out, or choose another --model",
        )


def _dividable() -> list[str]:
    """The models that offer encoder and decoder: all that are written here."""
    return [n for n in catalog.names("models") if not hasattr(catalog.find("models", n), "WHERE")]


def _alone(body: Body) -> Callable[[Tensor], list[Tensor]]:
    return lambda picture: [body(picture)]
