"""Calls all operators from many threads at once: no crash, no wrong result, memory flat."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import kernels

PAGE = 4096
# What an allocator may keep after its first minute of work.
MOST_GROWTH = 64 << 20


def main() -> None:
    """Stress the kernels and print what was seen; exit code 1 where something was wrong."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--threads", type=int, default=8)
    words.add_argument("--seconds", type=float, default=60)
    given = words.parse_args()
    calls, wrong, growth = stress(given.threads, given.seconds)
    print(
        f"{calls} calls from {given.threads} threads in {given.seconds:g} s: "
        f"{wrong} wrong, memory grew by {growth / 2**20:.1f} MiB"
    )
    raise SystemExit(wrong > 0 or growth > MOST_GROWTH)


def stress(count: int, seconds: float) -> tuple[int, int, int]:
    """Calls made, wrong results, and bytes of memory gained after the first tenth of the time."""
    jobs = _jobs()
    expected = [job() for job in jobs]
    begin = time.monotonic()
    tallies = [[0, 0] for _ in range(count)]

    def caller(tally: list[int], first: int) -> None:
        turn = first
        while time.monotonic() - begin < seconds:
            job = turn % len(jobs)
            tally[0] += 1
            tally[1] += not np.array_equal(jobs[job](), expected[job])
            turn += 1

    callers = [
        threading.Thread(target=caller, args=(tally, first)) for first, tally in enumerate(tallies)
    ]
    for one in callers:
        one.start()
    time.sleep(seconds / 10)
    early = _resident()
    while time.monotonic() - begin < 0.95 * seconds:
        time.sleep(0.05)
    late = _resident()
    for one in callers:
        one.join()
    return sum(t[0] for t in tallies), sum(t[1] for t in tallies), late - early


def _jobs() -> list[Callable[[], Any]]:
    """One call of each operator at several sizes and factors."""
    rng = np.random.default_rng(0)
    jobs: list[Callable[[], Any]] = []
    for size in ((97, 101), (256, 384), (333, 517)):
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        labels = rng.integers(0, 12, size, dtype=np.uint8)
        logits = rng.normal(size=(12, size[0] // 4, size[1] // 4)).astype(np.float32)
        for factor in ("1/4", "2/5"):
            jobs.append(lambda p=picture, f=factor: kernels.shrink(p, f))
            jobs.append(lambda a=labels, f=factor: kernels.soften(a, f, 12))
        jobs.append(lambda z=logits, s=size: kernels.paint(z, s))
    return jobs


def _resident() -> int:
    """Bytes of memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main()
