"""Everything that decides how a model is trained, in one value that travels with the model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from kernels.errors import UserError, one_of
from kernels.soften import MODES

MOST_EPOCHS = 1_000_000
MOST_SIGHT = 32
# Labels at full size, and logits brought up to them.
FULL = "full"
# In place of a file of weights: those that a package brings for the model, if any; none at all.
AUTO, NONE = "auto", "none"

CHOICES: dict[str, tuple[str, ...]] = {
    "labels": (*MODES, FULL),
    "loss": ("ce", "kl", "jdt"),
    "class_weights": ("none", "balanced"),
    "optimiser": ("adamw", "sgd"),
    "schedule": ("cosine", "poly", "one-cycle"),
    "precision": ("fp32", "bf16", "fp16"),
    "decay_on": ("all", "matrices"),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The defaults are those of `--recipe streets`; `trainer fit` by itself goes by `lite`."""

    data: str = "streets"
    factor: Fraction = Fraction(1, 4)
    # How many cells of the small picture, down and across, lie in a cell of its labels and logits:
    # so many at most, for nothing is finer than full size.
    sight: int = 1
    model: str = "compact"
    # How it learns: NAME or NAME:option=value,...
    method: str = "soft"
    # The share of the training list that keeps its labels, or a file that lists these pictures.
    labelled: str = "1"
    # A folder of pictures without labels; the rest of the training list is learned from as well.
    unlabelled: str = ""
    # A file of pre-trained weights to begin with, `auto` or `none`.
    weights: str = AUTO
    labels: str = "area"
    loss: str = "ce"
    class_weights: str = "none"
    # The share of the labelled mass that is learned from, the hardest of it; 1 is all.
    ohem: float = 1.0
    steps: int = 1000
    batch: int = 8
    # The parts in which a batch goes through the network: less memory, and the same gradient but
    # for what looks at a part as a whole: batch norm, jdt and ohem.
    accumulate: int = 1
    optimiser: str = "adamw"
    learning_rate: float = 3e-3
    # Learning rate of the head / learning rate.
    head_rate: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-2
    # `matrices` leaves norms and biases alone.
    decay_on: str = "all"
    # The longest gradient; longer ones are cut to it, 0 cuts none.
    clip: float = 0.0
    schedule: str = "cosine"
    # The share of the steps in which the learning rate climbs.
    warm_up: float = 0.05
    power: float = 0.9
    # How much of the averaged weights a step keeps; 0 averages none.
    ema: float = 0.0
    precision: str = "fp32"
    # Side of a training crop / side of the picture.
    crop: float = 0.75
    # A crop's own factor is drawn between factor*zoom_from and factor*zoom; 0 means 1/zoom.
    zoom: float = 1.33
    zoom_from: float = 0.0
    # The share of crops that are centred on a pixel of a class, all classes alike.
    class_uniform: float = 0.0
    jitter: float = 0.0
    # Steps from one look at the validation split to the next; 0 means five looks in all.
    validate_every: int = 0
    # Pairs it looks at; 0 means all.
    validate_pairs: int = 10
    # Looks without a better score after which the run ends; 0 means never.
    early_stop: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise one_of(flag(name), getattr(self, name), choices)
        for name, (allowed, told) in RANGES.items():
            if not allowed(getattr(self, name)):
                raise UserError(f"{flag(name)} {getattr(self, name)} is not {told}")
        _refuse_at_odds(self)

    @property
    def effective_sight(self) -> int:
        """As much of the sight as full size is fine enough for."""
        parts = (part for part in range(self.sight, 0, -1) if self.sight % part == 0)
        return next(part for part in parts if part * self.factor <= 1)

    @property
    def look_every(self) -> int:
        """Steps from one look at the validation split to the next."""
        return self.validate_every or max(1, self.steps // 5)

    @property
    def looked_at(self) -> int | None:
        """How many validation pairs a look is about; None is all of them."""
        return self.validate_pairs or None

    def plain(self) -> dict[str, Any]:
        """As numbers and texts only."""
        return {**asdict(self), "factor": str(self.factor)}

    def to_toml(self) -> str:
        """One line a field; JSON writes these values as TOML does."""
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in self.plain().items())


def _at_least(least: float) -> tuple[Callable[[float], bool], str]:
    return lambda value: least <= value < math.inf, f"{least:g} or more"


def _share(least: str = "0", most: str = "1") -> tuple[Callable[[float], bool], str]:
    low, high = float(least), float(most)
    return lambda value: low <= value <= high, f"between {least} and {most}"


RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    **{name: _at_least(1) for name in ("steps", "batch", "accumulate", "zoom")},
    **{
        name: _at_least(0)
        for name in ("validate_every", "validate_pairs", "early_stop", "weight_decay", "clip")
    },
    **{name: _at_least(0) for name in ("power", "zoom_from")},
    **{name: _share() for name in ("class_uniform", "jitter", "warm_up")},
    **{name: _share(most="0.99999") for name in ("momentum", "ema")},
    "ohem": _share(least="0.01"),
    "crop": _share(least="0.01"),
    "sight": (lambda value: 1 <= value <= MOST_SIGHT, f"1 to {MOST_SIGHT}"),
    "seed": (lambda value: 0 <= value < 2**63, "between 0 and 2^63"),
    "learning_rate": (lambda value: 0 < value < math.inf, "a number above 0"),
    "head_rate": (lambda value: 0 < value < math.inf, "a number above 0"),
}


def _refuse_at_odds(recipe: Recipe) -> None:
    if recipe.accumulate > recipe.batch:
        raise UserError(f"--accumulate {recipe.accumulate} is more than --batch {recipe.batch}")
    if recipe.zoom_from > recipe.zoom:
        raise UserError(f"--zoom-from {recipe.zoom_from} is more than --zoom {recipe.zoom}")
    if recipe.labels == FULL and recipe.ohem < 1:
        raise UserError(
            "--ohem picks cells, and --labels full has none",
            hint="leave --ohem out, or take --labels area with --loss ce",
        )
    if recipe.loss == "jdt" and recipe.ohem < 1:
        raise UserError(
            "--ohem picks cells, and --loss jdt has none", hint="give --loss ce as well"
        )


def flag(name: str) -> str:
    """A field as it is typed."""
    return f"--{name.replace('_', '-')}"


def from_plain(plain: dict[str, Any]) -> Recipe:
    """What `plain` gave."""
    # Before there was a word for it, nothing said that it begins with nothing.
    begins = plain.get("weights") or NONE
    return Recipe(**{**plain, "factor": Fraction(plain["factor"]), "weights": begins})


def differences(mine: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """The fields in which two recipes differ, with both values."""
    pairs = {
        field.name: (getattr(mine, field.name), getattr(other, field.name)) for field in FIELDS
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


FIELDS = fields(Recipe)


def steps_of(steps: int | None, epochs: float | None, pairs: int, batch: int) -> int:
    """The number of steps that --steps or --epochs means."""
    if steps is not None and epochs is not None:
        raise UserError("--steps and --epochs say the same thing", hint="give one of them")
    if epochs is None:
        return Recipe.steps if steps is None else steps
    if not 0 < epochs <= MOST_EPOCHS:
        raise UserError(f"--epochs {epochs} is not above 0 and at most {MOST_EPOCHS}")
    return math.ceil(epochs * pairs / max(1, batch))
