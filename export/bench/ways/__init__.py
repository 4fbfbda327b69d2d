"""One file a way to make masks. Each offers TITLE, SUFFIX, `obstacle` and `open_way(job)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from export.targets import Answer
from kernels import registry
from kernels.paint import Mask

Pictures = NDArray[np.uint8]  # [N,H,W,3]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process is to open."""

    way: str
    file: Path
    threads: int


class Way(Protocol):
    """A file that is open, and one way to run it."""

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture, [N,H,W]."""

    def timed(self, pictures: Pictures) -> tuple[float, float]:
        """Seconds from the pictures to their masks, and of the network alone."""

    def answer(self, pictures: Pictures) -> Answer | None:
        """The masks with all that judging them takes; None where no checkpoint says as much."""

    def convolutions(self) -> tuple[int, int] | None:
        """How many compute in 8 bits and how many there are, where that can be known."""


class Kind(Protocol):
    """A way, before any file is open."""

    TITLE: str
    SUFFIX: str  # of the files that it takes

    def obstacle(self, build: dict[str, Any]) -> str:
        """Why a file with these build facts is not run this way here; nothing where it is."""

    def open_way(self, job: Job) -> Way:
        """Load what it takes, and the file."""


def names() -> list[str]:
    """The ways there are: the files of this folder."""
    return registry.names(__name__)


def find(name: str) -> Kind:
    """The way of that name."""
    return cast(Kind, registry.load(__name__, name, what="way"))
