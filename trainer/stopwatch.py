"""Times the steps of a run: how fast it is, and how much of that is waiting for data."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Steps that the figures are about.
RECENT = 50


class Stopwatch:
    """The last few steps, each with its length and the wait at its start."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self._waits: deque[float] = deque(maxlen=RECENT)
        self._lengths: deque[float] = deque(maxlen=RECENT)
        self._wait = 0.0
        self._began = time.monotonic()

    def waiting(self, items: Iterable[Item]) -> Iterator[Item]:
        """`items`; a step begins with the wait for the next of them."""
        source = iter(items)
        while True:
            self._began = time.monotonic()
            try:
                item = next(source)
            except StopIteration:
                return
            self._wait = time.monotonic() - self._began
            yield item

    def step(self) -> None:
        """The step is over; what comes until the next wait is not counted."""
        self._waits.append(self._wait)
        self._lengths.append(time.monotonic() - self._began)

    @property
    def length(self) -> float:
        """Seconds of the last step."""
        return self._lengths[-1]

    @property
    def median(self) -> float:
        """Seconds of a usual step."""
        return statistics.median(self._lengths)

    @property
    def speed(self) -> float:
        """Pictures a second."""
        return len(self._lengths) * self.batch / max(sum(self._lengths), 1e-9)

    @property
    def waited(self) -> float:
        """The share of a step that is waiting for data."""
        return sum(self._waits) / max(sum(self._lengths), 1e-9)
