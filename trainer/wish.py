"""A wish to stop: Ctrl-C or a job that is told to end, never in the middle of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

WISHES = (signal.SIGINT, signal.SIGTERM)


class Wish:
    """Raises KeyboardInterrupt at once, or where a step ends; a second wish does not wait."""

    def __init__(self, *, together: bool = False) -> None:
        # Processes that train together must stop at the same step: they ask `asked` and agree.
        self.together = together
        self.asked = False
        self._within = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen while the block runs."""
        # Python lets nobody else set a handler.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {wish: signal.signal(wish, self._hear) for wish in WISHES}
        try:
            yield
        finally:
            for wish, handler in before.items():
                signal.signal(wish, handler)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is inside happens altogether, or as far as an error lets it."""
        self._within = True
        try:
            yield
        finally:
            self._within = False
        if self.asked and not self.together:
            raise KeyboardInterrupt

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if again or not (self._within or self.together):
            raise KeyboardInterrupt
