"""Opens an artefact and runs the network in it; one file per kind, named by its suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from kernels import registry
from kernels.errors import UserError


class Runtime(Protocol):
    """An opened artefact. Several threads may call `logits` at once."""

    @property
    def name(self) -> str:
        """What runs the network, for people."""

    @property
    def contract(self) -> str:
        """The contract's text, as it lies in the artefact."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the only pictures it takes, before they shrink; None is any."""

    def logits(self, small: NDArray[np.uint8]) -> NDArray[np.floating]:
        """uint8 [h,w,3], already shrunk -> float32 or float16 [C,h',w']."""


def open_artefact(path: Path, threads: int | None = None) -> Runtime:
    """The artefact at `path`, ready to run on `threads` threads."""
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
    return cast(Runtime, module.open_artefact(path, threads))
