"""Ten times as many requests as the server can answer, for a minute: it must stay what it is."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from serve.bench import load
from serve.bench.load import Volley
from serve.bench.outcome import judged
from serve.bench.plan import Plan
from serve.bench.process import Server, running
from serve.bench.row import row
from serve.bench.wire import Lines, Reply, get

TIMES = 10
EVERY = 0.5  # seconds, from one look at the memory to the next
# Of the whole: what comes before is the server filling its queue for the first time.
SETTLED = 0.25
MOST_GROWTH = 32 << 20
MOST_HEALTH = 100.0  # milliseconds
# Of the answers it can give: refusing must not take the time of those.
LEAST_SHARE = 0.7
ALLOWED = {200, 429, 503}


@dataclass(frozen=True, kw_only=True)
class Strain:
    """What was seen of one server that was asked far too much."""

    seconds: float
    capacity: float  # answers a second that it can
    answered: float  # answers a second that it gave when asked for far more
    rate: float  # requests a second that came
    places: int  # requests that it holds at once
    queue_time: float | None  # seconds that it lets them wait, where it was told
    unloaded_p50: float  # milliseconds
    accepted_p50: float
    accepted_p99: float
    statuses: dict[int, int]
    late: int  # of those with 429: let in, and refused when their turn came
    health: tuple[float, float, float]  # p50, p99 and the longest, milliseconds
    resident: tuple[int, ...]  # bytes, over time
    processor: float  # of the load, in cores

    @property
    def bound(self) -> float:
        """Milliseconds: three times the answer alone, and the longest wait it lets anybody have.

        That is the time it was told, or else a full house at the pace of easier times.

        By that pace, and not by the one under this load: a server that slows down under too many
        requests must not be measured by itself.
        """
        return 3 * self.unloaded_p50 + 1000 * min(self.full_house, self.queue_time or math.inf)

    @property
    def full_house(self) -> float:
        """Seconds in which as many as it holds are worked off, at the pace of easier times."""
        return self.places / self.capacity

    @property
    def growth(self) -> int:
        """Bytes from when it was settled to the end: medians of a tenth of the time each."""
        settled = self.resident[int(SETTLED * len(self.resident)) :]
        tenth = max(1, len(settled) // 10)
        return int(np.median(settled[-tenth:]) - np.median(settled[:tenth]))

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """What must be, and whether it was."""
        told = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        late = f", {self.late} of them let in before" if self.late else ""
        yield set(self.statuses) <= ALLOWED, f"every answer is 200, 429 or 503: {told}{late}"
        yield (
            self.growth <= MOST_GROWTH,
            f"memory flat: {self.growth / 2**20:+.1f} MiB to {self.resident[-1] / 2**20:.0f}, "
            f"at most +{MOST_GROWTH >> 20}",
        )
        yield (
            self.accepted_p99 <= self.bound,
            f"p99 of what was accepted {self.accepted_p99:.0f} ms, at most {self.bound:.0f} "
            f"(3 x {self.unloaded_p50:.0f} and {self._longest_wait()})",
        )
        share = self.answered / self.capacity
        yield share >= LEAST_SHARE, f"still {share:.0%} of the {self.capacity:.2f}/s that it can"
        p50, p99, longest = self.health
        yield (
            longest < MOST_HEALTH,
            f"health within {p50:.1f} ms (p50), {p99:.1f} (p99), {longest:.1f} (longest), "
            f"under {MOST_HEALTH:g}",
        )

    def _longest_wait(self) -> str:
        if self.queue_time is not None and self.queue_time < self.full_house:
            return f"{1000 * self.queue_time:.0f} in the queue"
        return f"{self.places} places at {self.capacity:.2f}/s"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found = {**asdict(self), "bound": self.bound, "growth": self.growth}
        return {**found, "verdicts": [list(each) for each in self.verdicts()]}

    def text(self) -> str:
        """For a terminal."""
        head = (
            f"{self.seconds:g} s of {self.rate:.1f} requests/s, {TIMES} x what it can; "
            f"the load took {100 * self.processor:.0f} % of a core"
        )
        return f"{head}\n{judged(list(self.verdicts()))}"


def strain(plan: Plan, seconds: float) -> Strain:
    """Measure alone, measure what it can, and then ask for ten times as much."""
    ours = plan.contenders[0]
    with TemporaryDirectory() as folder, running(ours.name, ours.command, Path(folder)) as server:
        # What is compiled and allocated once is not what is looked for.
        asyncio.run(load.closed(server.port, plan.requests, clients=2, seconds=1))
        alone = _closed(plan, server, 1)
        capacity = max(_row(_closed(plan, server, 2)).rate, _row(_closed(plan, server, 4)).rate)
        return _strained(plan, server, seconds, alone, capacity)


def _strained(plan: Plan, server: Server, seconds: float, alone: Volley, capacity: float) -> Strain:
    health, rate = _health(server), TIMES * capacity
    with _probing(server) as probed:
        volley, resident = asyncio.run(_watched(plan, server, rate, seconds))
    unloaded, accepted = _row(alone).total, _row(volley).total
    assert unloaded is not None
    return Strain(
        seconds=seconds,
        capacity=capacity,
        answered=_row(volley).rate,
        rate=rate,
        places=health["places"],
        queue_time=health.get("queue_time"),
        unloaded_p50=unloaded.p50,
        accepted_p50=accepted.p50 if accepted else float("inf"),
        accepted_p99=accepted.p99 if accepted else float("inf"),
        statuses=dict(sorted(Counter(shot.status for shot in volley.shots).items())),
        late=late(_asked(server, "/metrics").decode()),
        health=_summary(probed),
        resident=tuple(resident),
        processor=volley.processor / volley.seconds,
    )


def _closed(plan: Plan, server: Server, clients: int) -> Volley:
    return asyncio.run(
        load.closed(server.port, plan.requests, clients=clients, seconds=plan.seconds)
    )


def _row(volley: Volley) -> Any:
    return row("", "", [volley])


async def _watched(
    plan: Plan, server: Server, rate: float, seconds: float
) -> tuple[Volley, list[int]]:
    """The load, and the server's memory meanwhile."""
    asking = asyncio.create_task(
        load.opened(server.port, plan.requests, rate=rate, seconds=seconds, seed=0)
    )
    resident = [server.resident()]
    while not asking.done():
        await asyncio.wait({asking}, timeout=EVERY)
        resident.append(server.resident())
    return asking.result(), resident


@contextmanager
def _probing(server: Server) -> Iterator[list[float]]:
    """A process asks for health during the block; the list is full after it."""
    found: list[float] = []
    words = [sys.executable, "-m", "serve.bench.probe", str(server.port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asks:
        try:
            yield found
        finally:
            told, _ = asks.communicate()
    found += json.loads(told)


def _summary(milliseconds: Sequence[float]) -> tuple[float, float, float]:
    if not milliseconds:
        return (float("inf"),) * 3
    p50, p99 = np.quantile(milliseconds, (0.5, 0.99))
    return float(p50), float(p99), max(milliseconds)


def late(metrics: str) -> int:
    """Requests answered 429 that a model was looked up for: who is refused at the door has none."""
    refused = re.findall(r'softres_requests_total{.*model="[^"]+".*status="429"} (\S+)', metrics)
    return int(sum(map(float, refused)))


def _health(server: Server) -> dict[str, Any]:
    """What the server itself tells: how many it holds, and how long."""
    told: dict[str, Any] = json.loads(_asked(server, "/healthz"))
    return told


def _asked(server: Server, path: str) -> bytes:
    async def asked() -> Reply:
        lines = Lines(server.port)
        try:
            return await lines.ask(get(path))
        finally:
            lines.close()

    return asyncio.run(asked()).body
