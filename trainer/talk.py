"""What the trainer says while it works: progress bars and notes, on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line for the person at the terminal."""
    console.print(text, markup=False, soft_wrap=True)


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """`items`, with a progress bar that vanishes when they are through."""
    yield from rich_track(
        items,
        description=what,
        total=total,
        console=console,
        transient=True,
        # Without a terminal there is nothing to redraw, only blank lines in a log.
        disable=not console.is_terminal,
    )
