"""How much memory a call needs at its height, beyond what was there before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")
# What Linux calls: reset the height of the resident memory.
RESET_PEAK = "5"
NOW, HEIGHT = "VmRSS", "VmHWM"


@dataclass(frozen=True, kw_only=True)
class Need:
    """The height of a call's memory, its result included."""

    way: str
    megabytes: float


def peak(call: Callable[[], Any]) -> float:
    """Megabytes of resident memory that `call` adds at its height."""
    # What a first call loads and keeps is not the call's own.
    call()
    forget_height()
    before = resident(NOW)
    call()
    return max(0, resident(HEIGHT) - before) / 1e6


def can_measure() -> bool:
    """Only Linux tells the height of a process's memory and lets it be reset."""
    return STATUS.exists() and FORGET.exists()


def forget_height() -> None:
    """From now on the height is that of what comes."""
    FORGET.write_text(RESET_PEAK)


def resident(which: str) -> int:
    """Bytes of this process that are in memory: NOW, or at their HEIGHT."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{which}:"))
    return 1024 * int(kilobytes)
