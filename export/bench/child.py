"""The process of one row: opens a file, says what memory that took, and then does as it is told.

A line of JSON in, a line of JSON out. A process that ran something else before would hold memory
that nobody could tell from this row's.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import kernels
from export.bench import ways
from export.bench.ways import Job, Pictures, Way
from kernels import memory
from kernels.bench.memory import MMAP_THRESHOLD, can_measure


def main(words: list[str]) -> None:
    """`words` are the way, the file, the threads and the pictures that are timed."""
    name, file, threads, timed = words
    pictures = np.load(timed)
    # Errors of runtimes have no class in common below Exception.
    try:
        way, megabytes = _opened(Job(way=name, file=Path(file), threads=int(threads)), pictures)
        _say({"memory_mb": megabytes})
        for line in sys.stdin:
            _say(_done(way, json.loads(line), pictures))
    except Exception as error:
        _say({"error": f"{type(error).__name__}: {error}"})
        raise SystemExit(1) from None


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _opened(job: Job, pictures: Pictures) -> tuple[Way, float | None]:
    """The way, and the megabytes that opening it and a first call took at their height."""
    kind = ways.find(job.way)
    # What is compiled and loaded once is not this row's own.
    kernels.paint(np.zeros((2, 2, 2), np.float32), (4, 4))
    kernels.shrink(np.zeros((4, 4, 3), np.uint8), "1/2")
    if not can_measure():
        way = kind.open_way(job)
        way.mask(pictures)
        return way, None
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**16)
    ctypes.CDLL(None).malloc_trim(0)
    memory.forget_height()
    before = memory.resident(memory.NOW)
    way = kind.open_way(job)
    way.mask(pictures)
    return way, (memory.resident(memory.HEIGHT) - before) / 1e6


def _done(way: Way, wish: dict[str, Any], pictures: Pictures) -> dict[str, Any]:
    if wish["do"] == "time":
        return {"seconds": _times(way, pictures, wish["seconds"])}
    if wish["do"] == "convolutions":
        return {"convolutions": way.convolutions()}
    asked = np.load(wish["pictures"])
    if wish["do"] == "mask":
        np.savez(wish["to"], mask=way.mask(asked))
        return {}
    answer = way.answer(asked)
    given = {} if answer is None else {k: v for k, v in vars(answer).items() if v is not None}
    np.savez(wish["to"], **given)
    return {}


def _times(way: Way, pictures: Pictures, seconds: float) -> list[tuple[float, float]]:
    """As many calls as fit, one at least."""
    found: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while not found or time.perf_counter() - begin < seconds:
        found.append(way.timed(pictures))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
