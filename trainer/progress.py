"""The bar of a training run: loss, mIoU, pictures a second and the time that is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from trainer import talk
from trainer.recipe import Recipe


class Advance(Protocol):
    """Called after every step; `miou` where it was just measured."""

    def __call__(self, step: int, loss: float, miou: float | None, speed: float) -> None:
        """Move the bar to `step`."""


@contextmanager
def progress(recipe: Recipe, first: int = 0) -> Iterator[Advance]:
    """A bar over the steps of `recipe` from `first` on; plain lines where there is no terminal."""
    bar = _bar()
    task = bar.add_task("fit", total=recipe.steps, completed=first, loss="-", miou="-", speed="-")

    def advance(step: int, loss: float, miou: float | None, speed: float) -> None:
        bar.update(task, completed=step, loss=f"{loss:.3f}", speed=f"{speed:.1f}")
        if miou is None:
            return
        bar.update(task, miou=f"{100 * miou:.1f}")
        if not talk.console.is_terminal:
            talk.say(f"step {step}: loss {loss:.3f}, mIoU {100 * miou:.1f}, {speed:.1f} pictures/s")

    with bar:
        yield advance


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("mIoU {task.fields[miou]}"),
        TextColumn("{task.fields[speed]} pictures/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=talk.console,
        disable=not talk.console.is_terminal,
    )
