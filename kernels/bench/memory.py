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


@dataclass(frozen=True, kw_only=True)
class Need:
    """The height of a call's memory, its result included."""

    way: str
    megabytes: float


def peak(call: Callable[[], Any]) -> float:
    """Megabytes of resident memory that `call` adds at its height."""
    # What a first call loads and keeps is not the call's own.
    call()
    FORGET.write_text(RESET_PEAK)
    before = _resident("VmRSS")
    call()
    return max(0, _resident("VmHWM") - before) / 1e6


def can_measure() -> bool:
    """Only Linux tells the height of a process's memory and lets it be reset."""
    return STATUS.exists() and FORGET.exists()


def _resident(name: str) -> int:
    lines = STATUS.read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return 1024 * int(kilobytes)
