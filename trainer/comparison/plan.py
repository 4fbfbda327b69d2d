"""What is compared: every factor with every label mode and every seed, one recipe for the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from kernels.errors import UserError, about
from kernels.publish import published
from trainer.recipe import Recipe, flag

VARIED = ("factor", "labels", "seed")
SHARED = "shared.json"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is held against another: runs of one kind differ by their seed alone."""

    factor: Fraction
    labels: str
    # Follows from the factor, so that it is in no name.
    sight: int = 1

    @property
    def seen(self) -> Fraction:
        """Side of what the network sees / side of the picture: what it costs goes by that."""
        return self.factor * self.sight

    @property
    def title(self) -> str:
        """For people."""
        finer = f", sight {self.sight}" if self.sight > 1 else ""
        return f"{self.factor} {self.labels}{finer}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of the comparison."""

    kind: Kind
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        factor = str(self.kind.factor).replace("/", "-")
        return f"factor-{factor}-{self.kind.labels}-seed-{self.seed}"

    @property
    def title(self) -> str:
        """For people."""
        return f"factor {self.kind.factor}, labels {self.kind.labels}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All cells, and what they share."""

    folder: Path
    # The words for `trainer fit` that every cell is given.
    words: tuple[str, ...]
    recipe: Recipe
    device: str
    # Changes with the names of the training pictures.
    pictures: str
    kinds: tuple[Kind, ...]
    seeds: int

    @property
    def cells(self) -> list[Cell]:
        """Seed by seed: a first look at all kinds comes early."""
        return [Cell(kind=kind, seed=seed) for seed in range(self.seeds) for kind in self.kinds]

    def place(self, cell: Cell) -> Path:
        """The folder of a cell."""
        return self.folder / cell.name

    def shared(self) -> dict[str, Any]:
        """What no two cells may differ in, or their difference would say nothing."""
        plain = {name: v for name, v in self.recipe.plain().items() if name not in VARIED}
        return {**plain, "device": self.device, "pictures": self.pictures}


def settle(plan: Plan) -> None:
    """Write down what the cells share; refuse a folder whose cells share something else."""
    path = plan.folder / SHARED
    if not path.exists():
        with published(path) as draft:
            draft.write_text(f"{json.dumps(plan.shared(), indent=2)}\n", encoding="utf-8")
        return
    with about(path):
        before, now = _read(path), plan.shared()
    changed = [name for name in now if name in before and before[name] != now[name]]
    if changed:
        told = "; ".join(_change(name, before[name], now[name]) for name in changed)
        raise UserError(
            f"{plan.folder} holds a comparison with another recipe: {told}",
            hint="give the flags it was begun with, or another folder with --out",
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"not readable ({error})", hint="choose another --out") from None
    if not isinstance(said, dict):
        raise UserError("not what a comparison writes", hint="choose another --out")
    # Before there was a word for it, a network saw no more than it answers.
    return {"sight": 1, **said}


def _change(name: str, before: Any, now: Any) -> str:
    if name == "pictures":
        return "classes or training pictures have changed"
    return f"{flag(name)} was {before}, now {now}"
