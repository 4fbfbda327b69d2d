"""Load on a server: clients that wait for their answers, or arrivals that wait for nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve.bench.wire import BROKE_OFF, Lines, Reply

# An answer that took longer counts as none.
PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One request: when it was to be sent, and the seconds from that moment to its whole answer."""

    intended: float  # since the load began
    seconds: float
    late: float  # of them, until it was sent
    status: int
    stages: Mapping[str, float]  # milliseconds, as the server told


@dataclass(frozen=True, kw_only=True)
class Volley:
    """All requests of one load, the seconds it lasted, and the processor's seconds it cost."""

    shots: tuple[Shot, ...]
    seconds: float
    processor: float
    served: float = 0.0  # the same of the server


async def closed(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Volley:
    """Every client sends its next request when it has the answer to the one before."""
    lines = Lines(port)
    begin, spent = time.perf_counter(), time.process_time()
    shots: list[Shot] = []

    async def client(turn: int) -> None:
        while (now := time.perf_counter() - begin) < seconds:
            shots.append(await _shot(lines, requests[turn % len(requests)], begin, now))
            turn += 1

    try:
        await asyncio.gather(*(client(turn) for turn in range(clients)))
    finally:
        lines.close()
    return _volley(shots, begin, spent)


async def opened(
    port: int, requests: Sequence[bytes], *, rate: float, seconds: float, seed: int
) -> Volley:
    """Requests come at their times, whatever became of those before; each is timed from then."""
    lines, moments = Lines(port), schedule(rate, seconds, seed)
    begin, spent = time.perf_counter(), time.process_time()
    under_way: list[asyncio.Task[Shot]] = []
    try:
        for turn, moment in enumerate(moments):
            # Not at all where it is late already: a nap of no time still lets answers come in.
            await asyncio.sleep(max(0.0, begin + moment - time.perf_counter()))
            shot = _shot(lines, requests[turn % len(requests)], begin, float(moment))
            under_way.append(asyncio.create_task(shot))
        shots = await asyncio.gather(*under_way)
    finally:
        lines.close()
    return _volley(shots, begin, spent)


def schedule(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """When strangers come: `rate` a second on the average, independent of each other."""
    random = np.random.default_rng(seed)
    # That many at random moments are a Poisson process that came to its average.
    return np.sort(random.uniform(0, seconds, max(1, round(rate * seconds))))


async def _shot(lines: Lines, request: bytes, begin: float, intended: float) -> Shot:
    late = time.perf_counter() - begin - intended
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await lines.ask(request)
    except TimeoutError:
        reply = Reply(status=BROKE_OFF)
    took = time.perf_counter() - begin - intended
    return Shot(
        intended=intended, seconds=took, late=late, status=reply.status, stages=reply.stages
    )


def _volley(shots: Sequence[Shot], begin: float, spent: float) -> Volley:
    return Volley(
        shots=tuple(shots),
        seconds=time.perf_counter() - begin,
        processor=time.process_time() - spent,
    )
