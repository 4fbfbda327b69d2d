"""A run's state on disk: all of it between two steps, so that it can go on as if never ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from kernels.errors import UserError, about
from kernels.publish import published
from trainer.data import Dataset
from trainer.learner import Learner
from trainer.recipe import Recipe, differences, flag, from_plain
from trainer.run import Run

FORMAT = 1
LAST = "last"


@dataclass(frozen=True, kw_only=True)
class State:
    """What last.ckpt holds."""

    run: Path
    recipe: Recipe
    # Where the model goes when the run is through.
    out: Path
    crop: tuple[int, int]
    data: str
    logged: int
    learner: dict[str, Any]

    @property
    def steps_done(self) -> int:
        """The steps that were learned."""
        return int(self.learner["standing"]["steps"])


def save(learner: Learner, run: Run, *, out: Path, crop: tuple[int, int]) -> None:
    """Write last.ckpt; a reader sees the old one or the new one, never half of it."""
    if not run.writes:
        return
    content = {
        "state": FORMAT,
        "recipe": learner.recipe.plain(),
        "out": str(out.absolute()),
        "crop": list(crop),
        "data": fingerprint(learner.dataset),
        "logged": run.logged,
        "learner": learner.plain(),
    }
    # By way of memory: on a full disk torch's own writer raises what nobody can tell from a bug.
    buffer = BytesIO()
    torch.save(content, buffer)
    try:
        with published(run.last) as draft:
            draft.write_bytes(buffer.getbuffer())
    except UserError as error:
        raise UserError(error.message, hint="make room there") from None


def find(wish: str, runs: Path) -> Path:
    """The folder that `--resume` means: a path, or the newest below `runs`."""
    if wish != LAST:
        folder = Path(wish)
        # The file itself is as good a name as its folder.
        return folder.parent if folder.is_file() else folder
    try:
        folders = sorted((p for p in runs.iterdir() if p.is_dir()), key=_moment)
    except OSError as error:
        raise UserError(f"{runs}: no runs there ({error.strerror})", hint="see --runs") from None
    if not folders:
        raise UserError(f"{runs}: no runs there", hint="start one, or see --runs")
    return folders[-1]


def _moment(folder: Path) -> tuple[str, int]:
    """Runs of the same second are counted: -2, -3, ..., -10."""
    day, number = folder.name[:17], folder.name[18:]
    return day, int(number) if number.isdecimal() else 1


def load(folder: Path) -> State:
    """The state in a run's folder, on the CPU."""
    path = folder / "last.ckpt"
    if not path.is_file():
        raise UserError(
            f"{folder}: no run that can go on (it has no last.ckpt)",
            hint="a run ended before its first step has none: start it again",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        with about(path):
            return _read(content, folder)
    except UserError:
        raise
    except Exception as error:  # torch raises whatever its unpickler meets
        raise UserError(
            f"{path}: damaged, or from another softres ({str(error).splitlines()[:1]})",
            hint="use the softres that wrote it, or begin another run",
        ) from None


def _read(content: dict[str, Any], folder: Path) -> State:
    if content.get("state") != FORMAT:
        raise UserError("not a state this softres reads")
    height, width = content["crop"]
    return State(
        run=folder,
        recipe=from_plain(content["recipe"]),
        out=Path(content["out"]),
        crop=(height, width),
        data=content["data"],
        logged=content["logged"],
        learner=content["learner"],
    )


def refuse_other_recipe(state: State, wanted: Recipe) -> None:
    """Raise where the recipe asked for is not the one the run was begun with."""
    changed = differences(state.recipe, wanted)
    if changed:
        told = "; ".join(f"{flag(name)} was {a}, now {b}" for name, (a, b) in changed.items())
        raise UserError(
            f"{state.run} was begun with another recipe: {told}",
            hint="leave these out to go on with it, or begin another run without --resume",
        )


def refuse_other_data(state: State, dataset: Dataset) -> None:
    """Raise where the data is not what the run has learned from so far."""
    if fingerprint(dataset) != state.data:
        raise UserError(
            f"{state.run} has learned from other data: classes or training pictures have changed",
            hint="bring the data back as it was, or begin another run without --resume",
        )


def fingerprint(dataset: Dataset) -> str:
    """Changes with the classes, and with the names and order of what is learned from.

    Not with what is in the files: a broken one may be mended, and the run goes on.
    """
    files = [
        (pair.picture.name, pair.mask.parent.name, pair.mask.name)
        for pair in dataset.split("train")
    ]
    said = repr((dataset.classes, dataset.ignore, files))
    if dataset.unlabelled:
        said += repr([path.name for path in dataset.unlabelled])
    return hashlib.sha256(said.encode()).hexdigest()[:16]
