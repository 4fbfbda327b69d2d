"""`soft`: learns from the labels' shares alone; the default where every picture is labelled."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.objective import Objective, Task


@dataclass(frozen=True, kw_only=True)
class Options:
    """None."""


def build(task: Task, options: Options) -> Objective:
    """The method for that task."""
    return Objective(task)
