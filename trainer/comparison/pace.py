"""How long the cells that are left will take, from the kinds that were seen at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.comparison.plan import Cell, Kind


class Pace:
    """Seconds a picture of each kind seen so far."""

    def __init__(self, steps: int, batch: int) -> None:
        self._steps, self._batch = steps, batch
        self._seen: dict[Kind, float] = {}

    def note(self, kind: Kind, records: Sequence[dict[str, Any]]) -> bool:
        """Learn from a run's log; True the first time it says how fast this kind is."""
        speeds = [line["pictures_per_second"] for line in records if "pictures_per_second" in line]
        if not speeds or speeds[-1] <= 0:
            return False
        is_new = kind not in self._seen
        self._seen[kind] = 1 / speeds[-1]
        return is_new

    def left(self, cells: Sequence[Cell], done: int = 0) -> float:
        """Seconds of training for all of `cells`; the first of them has `done` steps behind it.

        At least one kind must have been seen.
        """
        whole = self._steps * sum(self._picture(cell.kind) for cell in cells)
        return self._batch * (whole - done * self._picture(cells[0].kind))

    def _picture(self, kind: Kind) -> float:
        if kind in self._seen:
            return self._seen[kind]
        # The cost of a network grows with the pixels that it sees. The nearest is the best guess.
        known = min(self._seen, key=lambda other: abs(other.seen - kind.seen))
        return self._seen[known] * float(kind.seen / known.seen) ** 2

    @property
    def seen(self) -> str:
        """What an estimate stands on, for people."""
        return ", ".join(kind.title for kind in self._seen)


def told(seconds: float) -> str:
    """A length of time, no finer than anybody knows it."""
    minutes = seconds / 60
    if minutes < 2:
        return f"{max(1, round(seconds))} s"
    if minutes < 120:
        return f"{round(minutes)} min"
    return f"{round(minutes) // 60} h {round(minutes) % 60:02d} min"
