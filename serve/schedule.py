"""Takes a request's pictures through their three steps: `workers` of them at once, in the order of
coming, each until its deadline or until its client leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from fastapi import Request
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect

from kernels.picture import TooLargeError
from serve import record
from serve.admission import Gate
from serve.clock import Stopwatch
from serve.errors import RefusedNowError
from serve.models import Model
from serve.record import Record
from serve.segment import Segmenter, Taken
from serve.workers import Workers

# Of one form, whose pictures are let go one after the other, but their answers with the last.
MOST_BYTES = 256 * 1024 * 1024


class Body(Protocol):
    """What a request comes to."""

    @property
    def body(self) -> bytes:
        """What is sent of it."""


Result = TypeVar("Result", bound=Body)
Result_co = TypeVar("Result_co", bound=Body, covariant=True)


class Job(Protocol[Result_co]):
    """What a request asks for: the two ends of its work, each done on a worker."""

    def take(self, segmenter: Segmenter, clock: Stopwatch) -> Sequence[Taken]:
        """The pictures of the request, ready for the network."""

    def finish(
        self, segmenter: Segmenter, taken: Sequence[Taken], found: Sequence[NDArray[Any]]
    ) -> Result_co:
        """The answer, from what the network found in each of them."""


class Schedule:
    """The turns that the pictures of all models share."""

    def __init__(self, gate: Gate, workers: Workers, *, deadline: float) -> None:
        self._gate = gate
        self._workers = workers
        self._deadline = deadline
        self._turns = asyncio.Semaphore(workers.count)

    async def answer(
        self,
        request: Request,
        model: Model,
        jobs: Sequence[Job[Result]],
        leave: Callable[[], None],
    ) -> list[Result]:
        """The answers, unless the deadline passes or the client leaves: then the work is dropped.

        `leave` is called when no thread has to do with the pictures any more.
        """
        told = record.of(request.scope)
        told.model = model.name
        work = asyncio.create_task(self._work(model, jobs, told))
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

    async def _work(self, model: Model, jobs: Sequence[Job[Result]], told: Record) -> list[Result]:
        # One after the other: a form of many pictures must not take every turn there is.
        with model.used() as segmenter:
            answers: list[Result] = []
            for job in jobs:
                # Who was worked for once is not turned away with half of it done.
                answers.append(await self._one(model, segmenter, job, told, fresh=not answers))
                _refuse_heavy(answers)
            return answers

    async def _one(
        self, model: Model, segmenter: Segmenter, job: Job[Result], told: Record, *, fresh: bool
    ) -> Result:
        clock, since = Stopwatch(), time.perf_counter()
        try:
            async with self._turns:
                begin = time.perf_counter()
                if fresh:
                    self._gate.refuse_late(begin - since)
                clock.add("queue", begin - since)
                with model.batcher.coming():
                    taken = await self._workers.run(lambda: job.take(segmenter, clock))
                told.pixels += sum(one.size[0] * one.size[1] for one in taken)
                found = await _found(model, segmenter, taken, clock)
                answer = await self._workers.run(lambda: job.finish(segmenter, taken, found))
                self._gate.note(time.perf_counter() - begin)
                return answer
        finally:
            told.add(clock.milliseconds)


async def _found(
    model: Model, segmenter: Segmenter, taken: Sequence[Taken], clock: Stopwatch
) -> list[Any]:
    """What the network finds in each picture; waiting for a call counts as queue."""
    since = time.perf_counter()
    # All are there before the first call is made up, so that they share it.
    with model.batcher.coming():
        # All are waited for whatever becomes of one, so that none is left behind.
        together = asyncio.gather(
            *(
                model.batcher.run(one.feed, alone=not segmenter.shares_calls(one.feed))
                for one in taken
            ),
            return_exceptions=True,
        )
    each = await together
    found = []
    took = 0.0
    for one in each:
        if isinstance(one, BaseException):
            raise one
        found.append(one[0])
        took += one[1]
    whole = time.perf_counter() - since
    # A call that several shared was told of to each of them.
    clock.add("network", min(took, whole))
    clock.add("queue", max(0.0, whole - took))
    return found


def _refuse_heavy(answers: Sequence[Body]) -> None:
    held = sum(len(each.body) for each in answers)
    if len(answers) > 1 and held > MOST_BYTES:
        raise TooLargeError(
            f"the answers to the first {len(answers)} pictures have {held} bytes; one form is "
            f"answered by {MOST_BYTES} at most",
            hint="send fewer pictures in a form, or ask for ?format=png",
        )


def _over(work: asyncio.Task[list[Result]], leave: Callable[[], None]) -> None:
    leave()
    # Nobody asks dropped work how it ended, and asyncio would complain of an error nobody heard of.
    if not work.cancelled():
        work.exception()


async def _gone(request: Request) -> None:
    """Returns when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
