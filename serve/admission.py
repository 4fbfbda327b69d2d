"""Decides who may come in: how many requests are held at once, and when a refused one may return.

A place is taken before the body is read and kept until the last thread has let go of the picture.
So the uploads in memory are bounded in number as well as in size, by (workers + queue) x max_bytes.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serve.errors import RefusedNowError

# How much the latest picture counts in the running mean of what one takes.
NEWEST = 0.1
# How much longer than a full house takes on the average nobody is surprised to wait.
AMPLE = 1.1
# Standard deviations above its mean that a normal number is once in a hundred times.
RARELY = 2.33


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
        # Seconds that a worker is busy with one picture, as a running mean; None before the first.
        self.service: float | None = None
        # How much that varies, as a running variance.
        self._variance = 0.0
        # The same mean, of pictures in whose time nobody was refused.
        self._easy: float | None = None
        self._refused = -math.inf  # when somebody was refused last

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
        if self.taken >= self.workers + self._room():
            raise self._refusal(f"{told}, {self.workers} of them in work")
        if self._takes_too_long():
            raise self._refusal(f"{told}, which may take more than {self.queue_time:g} seconds")
        self.taken += 1
        held = True

        def leave() -> None:
            nonlocal held
            self.taken -= held
            held = False

        return leave

    def refuse_late(self, waited: float) -> None:
        """Raise where one whose turn has come waited for too many seconds after all.

        Those are `queue_time`, or while others are refused what a full house takes in easy times.
        A server that is about to stop answers whom it let in.
        """
        if self.closed:
            return
        longest = math.inf if self.queue_time is None else self.queue_time
        # Where all get in, all are answered: only who turns others away has to be quick.
        if self._easy and time.monotonic() - self._refused < waited:
            longest = min(longest, AMPLE * self._easy * self.places / self.workers)
        if waited > longest:
            raise self._refusal(f"no worker was free within {longest:.2g} seconds")

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
        return max(1, math.ceil(self._expected()))

    def note(self, seconds: float) -> None:
        """One more picture was worked in that time."""
        known = seconds if self.service is None else self.service
        self._variance = (1 - NEWEST) * (self._variance + NEWEST * (seconds - known) ** 2)
        self.service = known + NEWEST * (seconds - known)
        if time.monotonic() - self._refused > seconds:
            easy = seconds if self._easy is None else self._easy
            self._easy = easy + NEWEST * (seconds - easy)

    def _room(self) -> int:
        """How many may wait: the fewer, the longer pictures take than when nobody is refused.

        To refuse many takes the time of those who are in, and a queue that is always full only
        makes them wait. Half the pace leaves an eighth of it, so that even the unlucky wait no
        longer than for a full queue in easy times; but every worker has its next one.
        """
        queue = self.places - self.workers
        if not self._easy or not self.service:
            return queue
        pace = min(1.0, self._easy / self.service)
        return min(queue, max(self.workers, round(queue * pace**3)))

    def _expected(self) -> float:
        """Seconds until one more is likely to get a worker, where none is free."""
        return (self.waiting + 1) / self.workers * (self.service or 0.0)

    def _refusal(self, message: str) -> RefusedNowError:
        self._refused = time.monotonic()
        hint = "send it again after the seconds in Retry-After"
        return RefusedNowError(429, message, hint=hint, wait=self.wait())

    def _takes_too_long(self) -> bool:
        if self.queue_time is None or self.taken < self.workers:
            return False
        # Of independent turns the variances add up, and all share the running mean's own error.
        turns = self.waiting + 1
        share = turns + turns**2 * NEWEST / (2 - NEWEST)
        spread = math.sqrt(share * self._variance) / self.workers
        return self._expected() + RARELY * spread > self.queue_time
