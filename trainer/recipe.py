"""Everything that decides how a model is trained, in one value that travels with the model."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from kernels.errors import UserError

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The defaults are what `trainer fit` does without arguments."""

    data: str = "streets"
    factor: Fraction = Fraction(1, 4)
    model: str = "compact"
    labels: str = "area"
    steps: int = 1000
    batch: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    # Side of a training crop / side of the picture.
    crop: float = 0.75
    # A crop's own factor is drawn between factor/zoom and factor*zoom.
    zoom: float = 1.33
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is not 1 or more")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"--seed {self.seed} is not between 0 and 2^63")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UserError(f"--learning-rate {self.learning_rate} is not a number above 0")

    def plain(self) -> dict[str, Any]:
        """As numbers and texts only."""
        return {**asdict(self), "factor": str(self.factor)}

    def to_toml(self) -> str:
        """One line a field; JSON writes these values as TOML does."""
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in self.plain().items())


def from_plain(plain: dict[str, Any]) -> Recipe:
    """What `plain` gave."""
    return Recipe(**{**plain, "factor": Fraction(plain["factor"])})


def steps_of(steps: int | None, epochs: float | None, pairs: int, batch: int) -> int:
    """The number of steps that --steps or --epochs means."""
    if steps is not None and epochs is not None:
        raise UserError("--steps and --epochs say the same thing", hint="give one of them")
    if epochs is None:
        return Recipe.steps if steps is None else steps
    if not 0 < epochs <= MOST_EPOCHS:
        raise UserError(f"--epochs {epochs} is not above 0 and at most {MOST_EPOCHS}")
    return math.ceil(epochs * pairs / max(1, batch))
