"""One file a precision. Each offers GATE and `apply(body, sample) -> Applied`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from kernels import registry


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What an artefact of a precision may do otherwise than the checkpoint; None is not asked."""

    changed: float | None = None  # share of pixels
    miou: float | None = None  # that may be lost, of 1
    exact: bool = False  # only pixels that rounding explains
    waivable: bool = False  # by --accept


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A body in another precision, and what to tell of it."""

    model: ModelProto
    facts: dict[str, Any] = field(default_factory=dict)


class Samples(Protocol):
    """Training pictures as the body sees them."""

    @property
    def facts(self) -> dict[str, Any]:
        """Which pictures they are."""

    def __len__(self) -> int:
        """How many there are."""

    def read(self) -> Iterable[NDArray[np.float32]]:
        """Each [1,3,h,w]; every call begins anew."""


class Precision(Protocol):
    """A way to write the numbers of a body."""

    GATE: Gate
    CALIBRATED: bool  # whether it has to see training pictures

    def apply(self, model: ModelProto, samples: Samples | None) -> Applied:
        """The same body in this precision, float32 in and out."""


def names() -> list[str]:
    """The precisions there are: the files of this folder."""
    return registry.names(__name__)


def check(name: str) -> None:
    """Raise where there is no such precision."""
    find(name)


def find(name: str) -> Precision:
    """The precision of that name."""
    return cast(Precision, registry.load(__name__, name, what="precision"))
