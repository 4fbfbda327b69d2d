"""One file a target. Each offers SUFFIX, write(), run() and inspect()."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from kernels import registry
from kernels.paint import Mask

if TYPE_CHECKING:
    from trainer.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an artefact says to a batch of pictures, with its two inner stops."""

    small: NDArray[np.float32]  # [N,h,w,3], whole numbers
    logits: NDArray[np.float32]  # [N,C,h',w']
    mask: Mask  # [N,H,W]


class Target(Protocol):
    """A format that a checkpoint can be exported to."""

    SUFFIX: str

    def write(self, checkpoint: Checkpoint, path: Path) -> None:
        """Write the artefact."""

    def run(self, path: Path, pictures: NDArray[np.uint8]) -> Answer:
        """Run the artefact on uint8 [N,H,W,3]."""

    def inspect(self, path: Path) -> dict[str, Any]:
        """What the file says of itself."""


def names() -> list[str]:
    """The targets there are: the files of this folder."""
    return registry.names(__name__)


def find(name: str) -> Target:
    """The target of that name."""
    return cast(Target, registry.load(__name__, name, what="target"))
