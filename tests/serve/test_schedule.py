"""What becomes of a request that is given up while its picture is in the network."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from serve import schedule
from serve.batching import Batcher
from serve.clock import Stopwatch


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_who_gives_up_waits_for_the_call_that_has_begun_and_nothing_is_complained_of(
    steps: int,
) -> None:
    calls: list[str] = []
    complaints: list[Any] = []

    async def call(feeds: Any) -> list[Any]:
        calls.append("begins")
        try:
            await asyncio.sleep(60)
        finally:
            # As a thread, which goes on when nobody wants its result any more.
            await asyncio.sleep(0.01)
            calls.append("ends")
        return []

    async def give_up() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        model = SimpleNamespace(batcher=Batcher(call, most=1, delay=0.0))
        segmenter = SimpleNamespace(shares_calls=lambda feed: True)
        taken = [SimpleNamespace(feed=None)]
        work = asyncio.create_task(
            schedule._found(cast(Any, model), cast(Any, segmenter), cast(Any, taken), Stopwatch())
        )
        for _ in range(steps):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert calls.count("begins") == calls.count("ends")

    asyncio.run(give_up())
    assert complaints == []
