"""Gives memory that is free inside the process back to the system.

The C library keeps what threads have freed, each thread's in an arena of its own, and the arenas of
a server that is always busy grow in steps for as long as it runs: what is still used lies between.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable

from kernels import memory

# Seconds from one look to the next.
EVERY = 5.0
# Bytes beyond what was left the last time: it takes some 20 ms a 100 MiB, in which who wants memory
# waits, and an idle server shall not do it over and over.
GROWN = 8 << 20


class Thrift:
    """Gives memory back every now and then, in a thread of its own; one at a time."""

    def __init__(self, *, every: float = EVERY) -> None:
        # Only glibc has it; elsewhere there is nothing to do.
        self._trim: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._left = 0
        self._every = every
        self._next = time.monotonic() + every
        self._running: asyncio.Future[None] | None = None

    def look(self) -> None:
        """Begin if it is time; called on the event loop, often."""
        idle = self._running is None or self._running.done()
        if not self._trim or not idle or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        if memory.resident(memory.NOW) >= self._left + GROWN:
            self._running = asyncio.get_running_loop().run_in_executor(None, self._give, self._trim)

    def _give(self, trim: Callable[[int], object]) -> None:
        # ctypes lets go of the interpreter during the call.
        trim(0)
        self._left = memory.resident(memory.NOW)
