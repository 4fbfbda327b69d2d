"""The memory of this process: what is resident now, and what was at its height."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")
# What Linux calls: reset the height of the resident memory.
RESET_PEAK = "5"
NOW, HEIGHT = "VmRSS", "VmHWM"


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
