"""Keeps a folder to one process: two that write in it would undo each other's work."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kernels.errors import UserError


def taken(folder: Path, *, who: str, hint: str) -> int:
    """The folder, opened and locked until every process that has it open closes it or ends."""
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise UserError(f"{folder}: {who} is at work there", hint=hint) from None
    return number
