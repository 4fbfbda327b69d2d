"""Trains one cell after the other: none twice, and whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from trainer import talk
from trainer.comparison import cell as cells
from trainer.comparison.cell import Failure, Result
from trainer.comparison.lock import alone
from trainer.comparison.pace import Pace, told
from trainer.comparison.plan import Cell, Plan

Advance = Callable[[int], None]


class Conductor:
    """All cells of a plan, and what has become of them so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.results: list[Result] = []
        self.failures: list[Failure] = []
        self._pace = Pace(plan.recipe.steps, plan.recipe.batch)

    def conduct(self) -> None:
        """Train what is not yet trained."""
        with alone(self.plan.folder) as lock:
            self._conduct(lock)

    def _conduct(self, lock: int) -> None:
        self.results = [r for c in self.plan.cells if (r := cells.found(self.plan, c))]
        through = {result.cell for result in self.results}
        left = [cell for cell in self.plan.cells if cell not in through]
        if through:
            talk.say(f"{len(through)} of {len(self.plan.cells)} cells are through already")
        for place, cell in enumerate(left):
            again = ", going on with it" if cells.state(self.plan, cell) else ""
            talk.say(f"cell {place + 1} of {len(left)}: {cell.title}{again}")
            self._train(cell, left[place + 1 :], lock)

    def _train(self, cell: Cell, later: list[Cell], lock: int) -> None:
        with _bar(self.plan.recipe.steps) as advance:

            def look(records: list[dict[str, Any]]) -> None:
                done = max((line["step"] for line in records), default=0)
                advance(done)
                if self._pace.note(cell.kind, records):
                    self._estimate([cell, *later], done)

            ended = cells.train(self.plan, cell, look, lock)
        # A short run may be through between two looks.
        self._pace.note(cell.kind, cells.records(self.plan.place(cell)))
        if isinstance(ended, Failure):
            self.failures.append(ended)
            talk.say(f"  failed: {ended.message}")
        else:
            self.results.append(ended)
            score = "-" if ended.miou is None else f"{100 * ended.miou:.1f}"
            talk.say(f"  mIoU {score}, trained in {told(ended.cost.seconds)}")

    def _estimate(self, left: list[Cell], done: int) -> None:
        talk.say(
            f"  about {told(self._pace.left(left, done))} of training to go, "
            f"by the pace of {self._pace.seen}; scoring comes on top"
        )


@contextmanager
def _bar(steps: int) -> Iterator[Advance]:
    bar = Progress(
        TextColumn("  step"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=talk.console,
        transient=True,
        disable=not talk.console.is_terminal,
    )
    task = bar.add_task("cell", total=steps)
    with bar:
        yield lambda step: bar.update(task, completed=step)
