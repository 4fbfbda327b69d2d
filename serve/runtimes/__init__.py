"""Opens an artefact and runs the network in it; one file per kind, named by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kernels import registry
from kernels.errors import UserError
from kernels.paint import Mask


class Runtime(Protocol):
    """An opened artefact; a Network or a Painting. Several threads may use it at once."""

    @property
    def name(self) -> str:
        """What runs the network, for people."""

    @property
    def contract(self) -> str:
        """The contract's text, as it lies in the artefact."""

    @property
    def batch(self) -> int:
        """How many pictures it pays to hand over in one call."""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of pictures that it surely takes, where it does not take all."""

    def close(self) -> None:
        """Give back what it holds; nobody uses it any more."""


@runtime_checkable
class Network(Runtime, Protocol):
    """Runs the network alone: the kernels around it shrink and paint."""

    def logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        """uint8 [h,w,3], already shrunk -> float32 or float16 [C,h',w'], or both with a batch."""


@runtime_checkable
class Painting(Runtime, Protocol):
    """Runs all of it where the network is, so that only the mask comes back."""

    def masks(self, pictures: NDArray[np.uint8]) -> Mask:
        """uint8 [N,H,W,3] -> the class of every pixel [N,H,W]."""


def open_artefact(
    path: Path, threads: int | None = None, *, device: str = "auto", workers: int = 1
) -> Runtime:
    """The artefact at `path`, ready for `workers` calls at once, on `threads` threads of a CPU."""
    if not path.is_file():
        raise UserError(
            f"'{path}' is not a file", hint="give the artefact that the exporter wrote: model.onnx"
        )
    kind = path.suffix.removeprefix(".").lower()
    if kind == "ckpt":
        raise UserError(
            f"'{path}' is a checkpoint, and what is served is an artefact",
            hint=f"trainer export onnx {path}, then serve {path.with_suffix('.onnx')}",
        )
    module = registry.load(__name__, kind, what="kind of artefact", hint=f"'{path}' was given")
    return cast(Runtime, module.open_artefact(path, threads, device=device, workers=workers))
