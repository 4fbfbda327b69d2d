"""Keeps a comparison's folder to one comparison, and to the run of one that was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.lock import taken


@contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Nobody else works in `folder` while the block lasts, nor while a process has it open.

    Gives its number: a run that inherits it keeps the folder when its comparison is killed.
    """
    number = taken(
        folder,
        who="another comparison, or a run that one has left,",
        hint="wait for it or end it, or choose another folder with --out",
    )
    try:
        yield number
    finally:
        os.close(number)
