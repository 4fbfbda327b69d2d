"""The threads that do what a request asks for, away from the event loop.

Threads of one process, not processes: decoding, the kernels, the network and zlib all run without
the interpreter's lock. Processes would add a copy of every model each, and keep pictures of one
shape from sharing a call of the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Workers:
    """As many threads as pictures may be in work at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="serve")

    async def run(self, call: Callable[[], Result]) -> Result:
        """Run it on a worker; when cancelled it is taken back, or waited for if it has begun."""
        running = self._pool.submit(call)
        future = asyncio.wrap_future(running)
        try:
            # Not the future itself: a cancelled wait must not cancel what goes on in the thread.
            await asyncio.wait([future])
        except asyncio.CancelledError:
            # What has begun keeps its memory, and so its turn, until it ends.
            if not running.cancel():
                await asyncio.wait([future])
                future.exception()
            raise
        return future.result()

    def close(self) -> None:
        """Let the threads go once they are idle."""
        self._pool.shutdown(wait=False, cancel_futures=True)
