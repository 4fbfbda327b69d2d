"""One file a target. Each offers SUFFIX and inspect(); what runs here also the rest of Runnable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from export.model_repository import CONFIG
from kernels import registry
from kernels.errors import UserError
from kernels.paint import Mask

if TYPE_CHECKING:
    from export.options import Options
    from trainer.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an artefact says to a batch of pictures, with its two inner stops."""

    small: NDArray[np.float32]  # [N,h,w,3], whole numbers
    logits: NDArray[np.float32]  # [N,C,h',w']
    mask: Mask | None  # [N,H,W], unless its head is the logits
    confidence: NDArray[np.uint8] | None = None  # [N,H,W]

    def first(self) -> Answer:
        """The answer to the first picture of the batch alone."""
        return Answer(
            small=self.small[:1],
            logits=self.logits[:1],
            mask=None if self.mask is None else self.mask[:1],
            confidence=None if self.confidence is None else self.confidence[:1],
        )


Runner = Callable[[NDArray[np.uint8]], Answer]


@runtime_checkable
class Target(Protocol):
    """A format that a checkpoint can be exported to."""

    SUFFIX: str

    def inspect(self, path: Path) -> dict[str, Any]:
        """What the file says of itself."""


@runtime_checkable
class Runnable(Target, Protocol):
    """A format that this machine can run, and so verify."""

    def write(self, checkpoint: Checkpoint, path: Path, options: Options) -> None:
        """Write the artefact."""

    def opened(self, path: Path) -> Runner:
        """A function that runs the artefact on uint8 [N,H,W,3]."""

    def stamp(self, path: Path, facts: dict[str, Any]) -> None:
        """Add to the build facts of a written artefact."""


def names() -> list[str]:
    """The targets there are: the files of this folder."""
    return registry.names(__name__)


def find(name: str) -> Target:
    """The target of that name."""
    return cast(Target, registry.load(__name__, name, what="target"))


def runnable(name: str) -> Runnable:
    """The target of that name, which must be one that runs here."""
    return cast(Runnable, find(name))


def of(artefact: Path) -> Target:
    """The target that writes files of that suffix; a folder is what its configuration is."""
    if (artefact / CONFIG).is_file():
        artefact = artefact / CONFIG
    if not artefact.is_file():
        raise UserError(f"{artefact}: no such file")
    every = [find(name) for name in names()]
    for target in every:
        if artefact.suffix.lower() == target.SUFFIX:
            return target
    suffixes = ", ".join(target.SUFFIX for target in every)
    raise UserError(f"{artefact}: neither a checkpoint (.ckpt) nor an artefact ({suffixes})")
