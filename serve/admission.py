"""Decides who may come in: how many requests are held at once, and when a refused one may return.

A place is taken before the body is read and kept until the last thread has let go of the picture.
So the uploads in memory are bounded in number as well as in size, by (workers + queue) x max_bytes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serve.errors import RefusedNowError
from serve.pace import Pace


class Gate:
    """Counts the places that are taken; it lives on the event loop and needs no lock."""

    def __init__(self, *, workers: int, queue: int, queue_time: float | None = None) -> None:
        self.workers = workers
        # Seconds. Nobody is let in who is likely to wait for longer, nor worked for who did.
        self.queue_time = queue_time
        self.places = workers + queue
        self.taken = 0
        self.closed = False  # the server is told to stop
        self.given_up = 0  # requests that were in and got no mask, since the server had to stop
        self._inside: set[asyncio.Task[object]] = set()
        self._pace = Pace(workers=workers, places=self.places)

    @property
    def waiting(self) -> int:
        """Requests that have come in and for which there is no worker yet."""
        return max(0, self.taken - self.workers)

    def enter(self) -> Callable[[], None]:
        """Take a place, or refuse; what is returned gives it back, once."""
        if self.closed:
            raise RefusedNowError(
                503,
                "the server is about to stop",
                hint="send it to another server, or again once this one has started anew",
                wait=self.wait(),
            )
        told = f"{self.taken} requests are held already"
        if self.taken >= self.workers + self._pace.room():
            raise self._turned_away(f"{told}, {self.workers} of them in work")
        if self._takes_too_long():
            raise self._turned_away(f"{told}, which may take more than {self.queue_time:g} seconds")
        self.taken += 1
        held = True

        def leave() -> None:
            nonlocal held
            self.taken -= held
            held = False

        return leave

    def refuse_late(self, waited: float) -> None:
        """Raise where one whose turn has come waited for too many seconds after all.

        A server that is about to stop answers whom it let in.
        """
        if self.closed:
            return
        if self.queue_time is not None and waited > self.queue_time:
            raise self._refusal(f"no worker was free within {self.queue_time:g} seconds")
        # Somebody else has to be there for the worker.
        if waited > self._pace.longest() and self.waiting:
            raise self._refusal("no worker was free in the time of a full queue")

    @contextmanager
    def attended(self) -> Iterator[None]:
        """The task of this block is ended by `give_up`, and answers that it was."""
        task = asyncio.current_task()
        assert task is not None
        self._inside.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self.given_up:
                raise
            task.uncancel()
            raise RefusedNowError(
                503, "the server stopped before this was done", hint="send it to another server"
            ) from None
        finally:
            self._inside.discard(task)

    def give_up(self) -> None:
        """End everything that is inside: the server cannot wait any longer."""
        self.given_up += len(self._inside)
        for task in self._inside:
            task.cancel()

    def wait(self) -> int:
        """Whole seconds until one more is likely to get a worker, by what pictures took."""
        return max(1, math.ceil(self._pace.expected(self.waiting + 1)))

    def note(self, seconds: float) -> None:
        """One more picture was worked in that time."""
        self._pace.note(seconds)

    def _turned_away(self, message: str) -> RefusedNowError:
        """The refusal of one at the door; who is refused late has taken up a place before."""
        self._pace.refuse()
        return self._refusal(message)

    def _refusal(self, message: str) -> RefusedNowError:
        hint = "send it again after the seconds in Retry-After"
        return RefusedNowError(429, message, hint=hint, wait=self.wait())

    def _takes_too_long(self) -> bool:
        if self.queue_time is None or self.taken < self.workers:
            return False
        return self._pace.at_most(self.waiting + 1) > self.queue_time
