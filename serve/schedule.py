"""Takes a request's picture through its three steps: `workers` of them at once, in the order of
coming, each until its deadline or until its client leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from serve.admission import Gate
from serve.errors import RefusedNowError
from serve.models import Model
from serve.segment import Answer, Segmenter, Stopwatch, Taken
from serve.workers import Workers


class Schedule:
    """The turns that the pictures of all models share."""

    def __init__(self, gate: Gate, workers: Workers, *, deadline: float) -> None:
        self._gate = gate
        self._workers = workers
        self._deadline = deadline
        self._turns = asyncio.Semaphore(workers.count)

    async def answer(
        self, request: Request, model: Model, data: bytes, leave: Callable[[], None]
    ) -> Answer:
        """The answer, unless the deadline passes or the client leaves: then the work is dropped.

        `leave` is called when no thread has to do with the picture any more.
        """
        work = asyncio.create_task(self._work(model, data))
        work.add_done_callback(lambda done: _over(done, leave))
        left = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait(
                {work, left}, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED
            )
            if work.done():
                return work.result()
        finally:
            left.cancel()
            work.cancel()
        if left.done() and not left.cancelled():
            raise ClientDisconnect
        raise RefusedNowError(
            503,
            f"no answer within {self._deadline:g} seconds",
            hint="send it again later, or a smaller picture",
            wait=self._gate.wait(),
        )

    async def _work(self, model: Model, data: bytes) -> Answer:
        clock, since = Stopwatch(), time.perf_counter()
        with model.used() as segmenter:
            async with self._turns:
                begin = time.perf_counter()
                clock.add("queue", begin - since)
                with model.batcher.coming():
                    taken = await self._workers.run(lambda: segmenter.take(data, clock))
                found = await _found(model, segmenter, taken)
                answer = await self._workers.run(lambda: segmenter.finish(taken, found))
                self._gate.note(time.perf_counter() - begin)
                return answer


async def _found(model: Model, segmenter: Segmenter, taken: Taken) -> Any:
    """What the network finds; waiting for a call counts as queue."""
    since = time.perf_counter()
    alone = not segmenter.shares_calls(taken.feed)
    found, took = await model.batcher.run(taken.feed, alone=alone)
    taken.clock.add("network", took)
    taken.clock.add("queue", max(0.0, time.perf_counter() - since - took))
    return found


def _over(work: asyncio.Task[Answer], leave: Callable[[], None]) -> None:
    leave()
    # Nobody asks dropped work how it ended, and asyncio would complain of an error nobody heard of.
    if not work.cancelled():
        work.exception()


async def _gone(request: Request) -> None:
    """Returns when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
