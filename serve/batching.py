"""Brings pictures of one shape together into one call of the network, where that pays.

A picture that is alone is never held up. Where others are on their way, having been let in but not
yet decoded, it waits for them a few milliseconds at most; and while a call runs, those that come
are the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Feed = NDArray[np.uint8]
Found = TypeVar("Found")


@dataclass(kw_only=True)
class Waiting(Generic[Found]):
    """One picture that waits for its call."""

    feed: Feed
    since: float
    found: asyncio.Future[Found] = field(repr=False)
    overdue: bool = False  # it has waited for others as long as it may


class Batcher(Generic[Found]):
    """The pictures of one model that wait; it lives on the event loop and needs no lock."""

    def __init__(
        self,
        call: Callable[[Sequence[Feed]], Awaitable[list[Found]]],
        *,
        most: int,
        delay: float,
    ) -> None:
        self.most = most  # pictures in one call
        self.delay = delay  # seconds
        self._call = call
        self._groups: dict[Hashable, list[Waiting[Found]]] = {}
        self._coming = 0
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def coming(self) -> Iterator[None]:
        """One more is on its way as long as the block lasts."""
        self._coming += 1
        try:
            yield
        finally:
            # Not before this one had its chance to join those that wait.
            asyncio.get_running_loop().call_soon(self._arrived)

    async def run(self, feed: Feed, *, alone: bool = False) -> Found:
        """What the network finds in it; `alone` if it may not share its call."""
        if self.most == 1 or alone:
            return (await self._call([feed]))[0]
        loop = asyncio.get_running_loop()
        one: Waiting[Found] = Waiting(feed=feed, since=loop.time(), found=loop.create_future())
        self._groups.setdefault(feed.shape, []).append(one)
        self._consider()
        loop.call_later(self.delay, self._wait_no_longer, one)
        # Whoever is cancelled here leaves a cancelled future, which is passed over.
        return await one.found

    def _arrived(self) -> None:
        self._coming -= 1
        self._consider()

    def _wait_no_longer(self, one: Waiting[Found]) -> None:
        one.overdue = True
        self._consider()

    def _consider(self) -> None:
        """Begin a call if none runs and some are ready for one, those first who came first."""
        if self._task is not None:
            return
        for shape, group in list(self._groups.items()):
            group[:] = [one for one in group if not one.found.done()]
            if not group:
                del self._groups[shape]
        ready = [group for group in self._groups.values() if self._is_ready(group)]
        if ready:
            group = min(ready, key=lambda group: group[0].since)
            batch = group[: self.most]
            del group[: self.most]
            self._task = asyncio.create_task(self._work(batch))

    def _is_ready(self, group: list[Waiting[Found]]) -> bool:
        return len(group) >= self.most or not self._coming or group[0].overdue

    async def _work(self, batch: list[Waiting[Found]]) -> None:
        try:
            await self._answer(batch)
        finally:
            # A call that is cancelled, its pool being shut down, leaves nobody waiting.
            for one in batch:
                one.found.cancel()
            self._task = None
            self._consider()

    async def _answer(self, batch: list[Waiting[Found]]) -> None:
        try:
            found = await self._call([one.feed for one in batch])
        # Whatever it is, it is one picture's: the others of the call shall not fail with it.
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._answer([one])
            elif not batch[0].found.done():
                batch[0].found.set_exception(error)
            return
        for one, array in zip(batch, found, strict=True):
            if not one.found.done():
                one.found.set_result(array)
