"""Turns a mask into the bytes of an answer; one file per format."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from kernels.contract import Colour
from serve import registry


class Encoder(Protocol):
    """What a file in this folder offers."""

    MEDIA_TYPE: str

    def encode(
        self,
        mask: NDArray[np.uint8] | NDArray[np.uint16],
        palette: tuple[Colour, ...],
    ) -> bytes:
        """The mask [H,W] as a file; class i has the colour palette[i]."""


def load(name: str) -> Encoder:
    """The encoder of the format `name`."""
    return cast(Encoder, registry.load(__name__, name, what="answer format"))
