"""How long each stage of an answer took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# In the order a picture passes them; `queue` is all the waiting in between.
STAGES = ("queue", "decode", "shrink", "network", "paint", "encode")


class Stopwatch:
    """Milliseconds by stage, in the order the stages first ran."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {"queue": 0.0}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under `name`; a stage may come in parts."""
        begin = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.milliseconds[name] = self.milliseconds.get(name, 0.0) + seconds * 1000
