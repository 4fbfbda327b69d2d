"""Pictures of one shape share a call, nobody waits alone, and one failure stays one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from serve.batching import Batcher

Feed = NDArray[np.uint8]


def feed(number: int, side: int = 4) -> Feed:
    return np.full((side, side, 3), number, np.uint8)


class Network:
    """Answers with the number of each picture and writes down who came together."""

    def __init__(self, *, takes: float = 0.0, bad: int = -1) -> None:
        self.calls: list[list[int]] = []
        self.takes, self.bad = takes, bad

    async def __call__(self, feeds: Sequence[Feed]) -> list[int]:
        numbers = [int(each[0, 0, 0]) for each in feeds]
        self.calls.append(numbers)
        await asyncio.sleep(self.takes)
        if self.bad in numbers:
            raise ValueError(self.bad)
        return numbers


async def arriving(batcher: Batcher[int], number: int, after: float, side: int = 4) -> int:
    """A picture that is decoded `after` so many seconds, as the schedule brings it."""
    with batcher.coming():
        await asyncio.sleep(after)
    return await batcher.run(feed(number, side))


def test_a_lone_picture_is_not_held_up() -> None:
    network = Network()
    begin = time.monotonic()
    found = asyncio.run(arriving(Batcher(network, most=8, delay=60.0), 7, 0.0))
    assert found == 7
    assert time.monotonic() - begin < 30


def test_those_on_their_way_are_waited_for() -> None:
    async def both(batcher: Batcher[int]) -> list[int]:
        return await asyncio.gather(arriving(batcher, 1, 0.0), arriving(batcher, 2, 0.05))

    network = Network()
    assert asyncio.run(both(Batcher(network, most=8, delay=60.0))) == [1, 2]
    assert network.calls == [[1, 2]]


def test_nobody_waits_longer_than_the_delay() -> None:
    async def both(batcher: Batcher[int]) -> list[int]:
        return await asyncio.gather(arriving(batcher, 1, 0.0), arriving(batcher, 2, 0.3))

    network = Network()
    assert asyncio.run(both(Batcher(network, most=8, delay=0.001))) == [1, 2]
    assert network.calls == [[1], [2]]


def test_what_comes_while_a_call_runs_is_the_next_call_and_no_larger_than_allowed() -> None:
    async def five(batcher: Batcher[int]) -> list[int]:
        first = asyncio.create_task(arriving(batcher, 0, 0.0))
        await asyncio.sleep(0.01)
        rest = [arriving(batcher, number, 0.0) for number in (1, 2, 3, 4)]
        return await asyncio.gather(first, *rest)

    network = Network(takes=0.1)
    assert asyncio.run(five(Batcher(network, most=3, delay=0.0))) == [0, 1, 2, 3, 4]
    assert network.calls == [[0], [1, 2, 3], [4]]


def test_pictures_of_other_shapes_do_not_share_a_call() -> None:
    async def three(batcher: Batcher[int]) -> list[int]:
        sides = {1: 4, 2: 5, 3: 4}
        return await asyncio.gather(
            *(arriving(batcher, number, 0.01, side) for number, side in sides.items())
        )

    network = Network()
    assert asyncio.run(three(Batcher(network, most=8, delay=60.0))) == [1, 2, 3]
    assert sorted(network.calls) == [[1, 3], [2]]


def test_a_picture_that_fails_fails_alone() -> None:
    async def three(batcher: Batcher[int]) -> list[int | BaseException]:
        return await asyncio.gather(
            *(arriving(batcher, number, 0.01) for number in (1, 2, 3)), return_exceptions=True
        )

    network = Network(bad=2)
    one, two, three_ = asyncio.run(three(Batcher(network, most=8, delay=60.0)))
    assert (one, three_) == (1, 3)
    assert isinstance(two, ValueError)
    assert network.calls == [[1, 2, 3], [1], [2], [3]]


@pytest.mark.parametrize("most", [1, 4])
def test_who_leaves_while_waiting_is_not_computed(most: int) -> None:
    async def leaving(batcher: Batcher[int]) -> int:
        with batcher.coming():
            waits = asyncio.create_task(batcher.run(feed(1)))
            # While another is on its way, this one waits.
            await asyncio.sleep(0.01)
            waits.cancel()
        return await batcher.run(feed(2))

    network = Network()
    assert asyncio.run(leaving(Batcher(network, most=most, delay=60.0))) == 2
    # Where there are no batches nobody waits for one.
    assert network.calls == ([[1], [2]] if most == 1 else [[2]])


def test_a_call_that_is_cancelled_leaves_nobody_waiting() -> None:
    async def cancelled(feeds: Sequence[Feed]) -> list[int]:
        raise asyncio.CancelledError

    async def ask() -> None:
        batcher = Batcher(cancelled, most=2, delay=60.0)
        async with asyncio.timeout(10):
            await asyncio.gather(*(batcher.run(feed(each)) for each in range(3)))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())
