"""The one pool of threads all kernels share, and how rows are dealt to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from kernels.errors import UserError

VARIABLE = "SOFTRES_THREADS"
Result = TypeVar("Result")


@cache
def count() -> int:
    """Threads to use: SOFTRES_THREADS, or the cores this process may run on."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not given.isdecimal() or int(given) < 1:
        raise UserError(
            f"{VARIABLE}='{given}' is not a number of threads", hint="set it to 1 or more"
        )
    return int(given)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count(), thread_name_prefix="kernels")


def over_rows(rows: int, work: Callable[[int, int], Result]) -> list[Result]:
    """Call work(first, last) on slices of `rows`, side by side.

    Not numba's own threading layer: its default one aborts the process when two threads enter it.
    """
    parts = min(count(), rows)
    if parts <= 1:
        return [work(0, rows)]
    edges = [rows * part // parts for part in range(parts + 1)]
    return list(_pool().map(work, edges[:-1], edges[1:]))
