"""Keeps a comparison's folder to one comparison, and to the run of one that was killed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernels.errors import UserError

NAME = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Nobody else works in `folder` while the block lasts, nor while a process has the file open.

    Gives the file's number: a run that inherits it keeps the folder when its comparison is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another comparison is at work there, or a run that one has left",
                hint="wait for it or end it, or choose another folder with --out",
            ) from None
        yield file.fileno()
