"""Shows a run in TensorBoard, where that is installed; nothing depends on it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer import talk


class Events:
    """The numbers of a run's log, as TensorBoard reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def open(self, first: int) -> None:
        """From now on `record` writes; what was shown of step `first` and later is taken back."""
        if importlib.util.find_spec("tensorboard") is None:
            return
        with self._forgiven():
            # Imported here: it takes a second, and only a run has a use for it.
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=first)

    def record(self, step: int, values: dict[str, Any]) -> None:
        """Add the numbers of one line."""
        if self._writer is None:
            return
        with self._forgiven():
            for name, value in numbers(values):
                self._writer.add_scalar(name, value, step)
            # For those who look while it learns.
            self._writer.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            with self._forgiven():
                self._writer.close()
        self._writer = None

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        """What fails here costs the show, never the training."""
        try:
            yield
        except (ImportError, OSError) as error:
            self._writer = None
            talk.say(f"note: no more for TensorBoard ({error})")


def numbers(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    """Every number among `values`, those within by the path to them: iou/road."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{above}{name}/")
        elif isinstance(value, (int, float)):
            yield f"{above}{name}", value
