"""The folder of one training run: its recipe, state, metrics, curves and pictures."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from kernels.contract import Contract
from kernels.errors import UserError
from kernels.publish import published
from trainer import pictures
from trainer.data import Pair
from trainer.evaluate import predict
from trainer.events import Events
from trainer.lock import taken
from trainer.network import Network
from trainer.recipe import Recipe

EXAMPLES = 4
# What `published` leaves of a file when the process is killed.
DRAFT = re.compile(r"\..+\.[0-9a-f]{12}")


class Run:
    """A folder in which everything is written as it becomes known."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.folder = folder
        # Of several processes one writes.
        self.writes = writes
        self.checkpoint = folder / "model.ckpt"
        self.best = folder / "best.ckpt"
        self.last = folder / "last.ckpt"
        self.metrics = folder / "metrics.jsonl"
        self.events = Events(folder / "tensorboard")
        self.records: list[dict[str, Any]] = []
        self._held: int | None = None
        # The bytes of metrics.jsonl that are whole lines.
        self.logged = 0

    def __enter__(self) -> Run:
        """While it is entered TensorBoard sees what is recorded."""
        if self.writes:
            self.events.open(self.records[-1]["step"] + 1 if self.records else 0)
        return self

    def __exit__(self, *_: object) -> None:
        """The log is complete."""
        self.events.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @classmethod
    def begun(cls, parent: Path, recipe: Recipe) -> Run:
        """A new folder, named after its moment."""
        run = cls(_fresh(parent))
        run._hold()
        with published(run.folder / "recipe.toml") as draft:
            draft.write_text(recipe.to_toml(), encoding="utf-8")
        return run

    @classmethod
    def again(cls, folder: Path, logged: int, *, writes: bool = True) -> Run:
        """The folder of a run that goes on; what it logged past `logged` bytes is forgotten."""
        run = cls(folder, writes=writes)
        if writes:
            run._hold()
            run._forget(logged)
        return run

    def _hold(self) -> None:
        self._held = taken(
            self.folder, who="this run", hint="wait for it or end it before you go on with it"
        )

    def _forget(self, logged: int) -> None:
        """Take back the lines that will be written anew, and drafts that were never finished."""
        with suppress(FileNotFoundError):
            kept = self.metrics.read_bytes()[:logged]
            # A machine that lost its power may have lost the end of the file, and half a line.
            kept = kept[: kept.rfind(b"\n") + 1]
            with published(self.metrics) as draft:
                draft.write_bytes(kept)
            self.logged = len(kept)
            self.records = [json.loads(line) for line in kept.splitlines()]
        for path in self.folder.iterdir():
            if DRAFT.fullmatch(path.name):
                path.unlink()

    def record(self, step: int, **values: Any) -> None:
        """Add a line to metrics.jsonl."""
        self.records.append({"step": step, **values})
        if not self.writes:
            return
        line = f"{json.dumps(self.records[-1])}\n".encode()
        try:
            with self.metrics.open("ab") as log:
                log.write(line)
        except OSError as error:
            raise UserError(
                f"cannot write {self.metrics} ({error.strerror})", hint="make room there"
            ) from None
        self.logged += len(line)
        self.events.record(step, values)

    def draw_curves(self) -> None:
        """Write curves.png."""
        if self.writes and self.records:
            pictures.curves(self.records, self.folder / "curves.png")

    def draw_examples(self, network: Network, contract: Contract, pairs: Sequence[Pair]) -> None:
        """Write examples.png: photo, truth and prediction, side by side."""
        if not self.writes:
            return
        rows = []
        for pair in pairs[:: max(1, len(pairs) // EXAMPLES)][:EXAMPLES]:
            sample = pair.read()
            mask = predict(network, contract, sample.picture)
            painted = (pictures.coloured(m, contract) for m in (sample.labels, mask))
            rows.append([sample.picture, *painted])
        pictures.side_by_side(rows, self.folder / "examples.png")


def _fresh(parent: Path) -> Path:
    name = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        try:
            folder = parent / f"{name}{suffix}"
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"cannot make a folder in {parent} ({error.strerror})",
                hint="choose another place with --runs",
            ) from None
    raise UserError(f"{parent}: too many runs at {name}", hint="wait a second")
