"""Pictures to calibrate and to verify with: of the data set that the checkpoint was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kernels
from export.geometry import Body
from export.options import Options
from kernels.contract import Contract
from kernels.errors import UserError
from trainer import data, talk
from trainer.checkpoint import Checkpoint
from trainer.data import Dataset, Pair

# The first of these that has pictures is what an artefact is verified on.
HELD_OUT = ("val", "test", "train")
NOTHING = "none"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Pictures with labels, and where they are from."""

    pairs: Sequence[Pair]
    ignore: int
    source: str

    @property
    def facts(self) -> dict[str, Any]:
        """For the record: which pictures these are."""
        names = [pair.picture.name for pair in self.pairs]
        content = hashlib.sha256()
        for pair in self.pairs:
            content.update(pair.picture.read_bytes())
        return {
            "data": self.source,
            "pictures": len(names),
            "first": names[0],
            "last": names[-1],
            "sha256": content.hexdigest(),
        }


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Training pictures as the body of a network sees them."""

    labelled: Labelled
    contract: Contract
    body: Body

    def __len__(self) -> int:
        return len(self.labelled.pairs)

    @property
    def facts(self) -> dict[str, Any]:
        """Which pictures these are."""
        return self.labelled.facts

    def read(self) -> Iterator[NDArray[np.float32]]:
        """Each shrunk, normalised and padded: [1,3,h,w]."""
        for pair in self.labelled.pairs:
            small = kernels.seen(data.read_picture(pair.picture), self.contract)
            yield self.body.picture_of(small)


def training(checkpoint: Checkpoint, options: Options) -> Labelled:
    """Training pictures to calibrate on: of the recipe's data set, or of the one that was named."""
    spec = options.data or checkpoint.recipe.data
    if spec == NOTHING:
        raise UserError(
            f"--precision {options.precision} must see training pictures",
            hint="name a data set with --data",
        )
    dataset = _load(spec, checkpoint.contract)
    chosen = _chosen(dataset.split("train"), options.calibration, options)
    if not chosen:
        raise UserError(f"no training picture of '{spec}' has the size {options.intake.plain()}")
    return Labelled(pairs=chosen, ignore=dataset.ignore, source=f"{spec} train")


def held_out(checkpoint: Checkpoint, options: Options) -> Labelled | None:
    """Labelled pictures, where there are any at hand; a data set that was named must be there."""
    spec = options.data or checkpoint.recipe.data
    if spec == NOTHING:
        return None
    try:
        dataset = _load(spec, checkpoint.contract)
    except UserError as error:
        if options.data:
            raise
        talk.say(f"note: verified without labelled pictures, the recipe's are gone: {error}")
        return None
    split = next(name for name in HELD_OUT if dataset.splits.get(name))
    chosen = _chosen(dataset.split(split), options.pictures, options)
    if not chosen:
        talk.say(f"note: no picture of '{spec}' {split} has the size of this artefact")
        return None
    return Labelled(pairs=chosen, ignore=dataset.ignore, source=f"{spec} {split}")


def _load(spec: str, contract: Contract) -> Dataset:
    dataset = data.load(spec)
    if dataset.classes != contract.classes:
        raise UserError(
            f"data set '{spec}' has other classes than the checkpoint: "
            f"{', '.join(dataset.classes)} instead of {', '.join(contract.classes)}",
            hint="name the one that it was trained on with --data",
        )
    return dataset


def _chosen(pairs: Sequence[Pair], most: int, options: Options) -> Sequence[Pair]:
    """At most so many that fit, spread over all of them."""
    intake = options.intake
    fitting = [
        pair for pair in pairs if not intake.size or intake.takes(data.upright_size(pair.picture))
    ]
    places = np.linspace(0, len(fitting) - 1, min(most, len(fitting)))
    return [fitting[int(place)] for place in places]
