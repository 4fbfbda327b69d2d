"""How much memory painting takes at its height, each way in a process of its own.

In a process that has painted before, the allocator would take what it kept, and nobody would see.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import kernels
from kernels import memory
from kernels.bench.inputs import CLASSES, SIZE, learned

# What glibc calls: the bytes from which memory is mapped, and unmapped when it is freed.
MMAP_THRESHOLD = -3
WARM_UP = (64, 128)


@dataclass(frozen=True, kw_only=True)
class Need:
    """The height of a call's memory, its result included."""

    way: str
    megabytes: float


def needs(ways: list[str]) -> list[Need]:
    """What 19x64x128 -> 1024x2048 takes, each of `ways` of this module's WAYS."""
    if not can_measure():
        return []
    found = []
    for way in ways:
        words = [sys.executable, "-m", "kernels.bench.memory", way]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        found.append(Need(way=way, megabytes=float(told)))
    return found


def can_measure() -> bool:
    """glibc can be told to give back what is freed."""
    return memory.can_measure() and hasattr(ctypes.CDLL(None), "mallopt")


def _ours(logits: Any) -> Callable[[tuple[int, int]], Any]:
    return partial(kernels.paint, logits)


def _torch(logits: Any) -> Callable[[tuple[int, int]], Any]:
    from kernels.bench.cpu import torch_paint

    return partial(torch_paint, logits)


WAYS = {"kernels cpu": _ours, "F.interpolate + argmax": _torch}


def _peak(way: str) -> float:
    """Megabytes that the first large call adds at its height, after a small one."""
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**16)
    paint = WAYS[way](learned((64, 128), CLASSES))
    # What is compiled, loaded and kept by a first call is not the call's own.
    paint(WARM_UP)
    # What the small one left free must not be given back while the large one is watched.
    ctypes.CDLL(None).malloc_trim(0)
    memory.forget_height()
    before = memory.resident(memory.NOW)
    paint(SIZE)
    return (memory.resident(memory.HEIGHT) - before) / 1e6


if __name__ == "__main__":
    print(_peak(sys.argv[1]))
