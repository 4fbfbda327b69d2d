"""Ways to do a task, checked against ours and only then timed, beside a copy of as many bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kernels import threads
from kernels.errors import RefusedError, about

SECONDS = 1.5

Clock = Callable[[Callable[[], Any]], float]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to do a task; the first way of a task is ours."""

    name: str
    call: Callable[[], Any]
    check: Callable[[Any, Any], None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is timed: our operator and what people use instead."""

    name: str
    bytes: int  # each input read once, each output written once
    ways: list[Way]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured line."""

    task: str
    way: str
    milliseconds: float
    times_ours: float
    gigabytes_a_second: float
    share_of_copy: float


@dataclass(frozen=True, kw_only=True)
class Stopwatch:
    """How a device is timed: the seconds of a call, and of a copy that moves so many bytes."""

    median: Clock
    copy: Callable[[int], float]


def way(name: str, call: Callable[[], Any], check: Callable[[Any, Any], None] | None = None) -> Way:
    """A way whose result is compared with ours by `check`, or must equal it."""
    return Way(name=name, call=call, check=check or equal)


def timed(task: Task, stopwatch: Stopwatch) -> list[Row]:
    """All ways of a task, one after the other, each checked against ours first."""
    ours = task.ways[0].call()
    for one in task.ways:
        with about(f"{task.name}, {one.name}"):
            one.check(ours, one.call())
    del ours
    times = [stopwatch.median(one.call) for one in task.ways]
    copied = stopwatch.copy(task.bytes)
    return [
        Row(
            task=task.name,
            way=one.name,
            milliseconds=1e3 * seconds,
            times_ours=seconds / times[0],
            gigabytes_a_second=task.bytes / seconds / 1e9,
            share_of_copy=copied / seconds,
        )
        for one, seconds in zip(task.ways, times, strict=True)
    ]


def median(call: Callable[[], Any]) -> float:
    """Seconds of the median call, over about SECONDS and at least five of them."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def copy(size: int) -> float:
    """Seconds of a plain copy on all threads that moves `size` bytes, half read, half written.

    Of the task's own size: what fits a cache must be held against a copy that fits it too.
    """
    half = size // 2
    source, target = np.ones(half, np.uint8), np.empty(half, np.uint8)
    rows = partial(threads.over_rows, half, lambda a, b: np.copyto(target[a:b], source[a:b]))
    return median(rows)


def equal(ours: Any, theirs: Any) -> None:
    """Not a bit may differ."""
    require(np.array_equal(ours, theirs), "differs")


def require(fine: bool, what: str) -> None:
    """Nothing is timed of ways that disagree."""
    if not fine:
        raise RefusedError(f"{what}; not timed")
