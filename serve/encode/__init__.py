"""Turns a mask into the bytes of an answer; one file per format."""

from __future__ import annotations

from typing import Protocol, cast

from kernels import registry
from kernels.contract import Colour
from kernels.paint import Mask


class Encoder(Protocol):
    """What a file in this folder offers."""

    MEDIA_TYPE: str

    def encode(
        self,
        mask: Mask,
        palette: tuple[Colour, ...],
    ) -> bytes:
        """The mask [H,W] as a file; class i has the colour palette[i]."""


def load(name: str) -> Encoder:
    """The encoder of the format `name`."""
    return cast(Encoder, registry.load(__name__, name, what="answer format"))
