"""Gives memory that is free inside the process back to the system.

The C library keeps what threads have freed, each thread's in an arena of its own, and the arenas of
a server that is always busy grow in steps for as long as it runs: what is still used lies between.
"""

from __future__ import annotations

import asyncio
import ctypes
import time

# Seconds from one time to the next: it takes a few milliseconds, and pages that are cleared anew.
EVERY = 5.0


class Thrift:
    """Gives memory back every now and then, off the event loop; one at a time."""

    def __init__(self, *, every: float = EVERY) -> None:
        # Only glibc has it; elsewhere there is nothing to do.
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._every = every
        self._next = time.monotonic() + every
        self._running: asyncio.Future[int] | None = None

    def look(self) -> None:
        """Begin if it is time; called on the event loop, often."""
        idle = self._running is None or self._running.done()
        if self._trim and idle and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            # ctypes lets go of the interpreter during the call.
            self._running = asyncio.get_running_loop().run_in_executor(None, self._trim, 0)
