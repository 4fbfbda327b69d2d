"""One cell: a run of `trainer fit` in a process of its own, and what it leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.errors import UserError
from kernels.publish import published
from trainer.comparison.plan import Cell, Kind, Plan
from trainer.cost import Cost

RESULT, LOG = "result.json", "log.txt"
POLL = 0.5  # seconds
Advance = Callable[[list[dict[str, Any]]], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run that is through."""

    cell: Cell
    split: str
    # None where no pixel was labelled.
    miou: float | None
    boundary_miou: float | None
    iou: dict[str, float | None]
    cost: Cost

    @property
    def kind(self) -> Kind:
        """What it is one run of."""
        return self.cell.kind


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that ended with an error."""

    cell: Cell
    message: str


def found(plan: Plan, cell: Cell) -> Result | None:
    """The result of a cell that is through."""
    path = plan.place(cell) / RESULT
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return _result(cell, said)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a result of this softres ({error})",
            hint="delete the file to train this cell again",
        ) from None


def _result(cell: Cell, said: dict[str, Any]) -> Result:
    return Result(
        cell=cell,
        split=said["split"],
        miou=said["miou"],
        boundary_miou=said["boundary_miou"],
        iou=dict(said["iou"]),
        cost=Cost(**said["cost"]),
    )


def command(plan: Plan, cell: Cell) -> list[str]:
    """What is typed to train a cell, or to go on with it."""
    place = plan.place(cell)
    own = (
        *("--factor", str(cell.kind.factor), "--labels", cell.kind.labels),
        *("--seed", str(cell.seed), "--out", str(place / "model.ckpt")),
        *("--runs", str(place / "runs"), "--device", plan.device, "--json"),
    )
    begun = state(plan, cell)
    again = ("--resume", str(begun)) if begun else ()
    return [sys.executable, "-m", "trainer", "fit", *plan.words, *own, *again]


def state(plan: Plan, cell: Cell) -> Path | None:
    """The cell's last run that can go on."""
    states = sorted((plan.place(cell) / "runs").glob("*/last.ckpt"), key=_moment)
    return states[-1].parent if states else None


def _moment(path: Path) -> float:
    return path.stat().st_mtime


def train(plan: Plan, cell: Cell, advance: Advance, lock: int) -> Result | Failure:
    """Run the cell to its end, holding `lock`; `advance` is told its log now and then."""
    place = plan.place(cell)
    place.mkdir(parents=True, exist_ok=True)
    with (place / LOG).open("wb") as log, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command(plan, cell),
            stdout=said,
            stderr=log,
            pass_fds=(lock,),
            # In a session of its own: Ctrl-C reaches this process alone, which hands it on once.
            start_new_session=True,
        )
        code = _ended(process, lambda: advance(records(place)))
        said.seek(0)
        answer = said.read().decode(errors="replace")
    if code:
        return Failure(cell=cell, message=_message(place / LOG, code))
    if not answer.strip():
        return Failure(cell=cell, message="the data has no test or val split to score on")
    result = _result(cell, json.loads(answer))
    with published(place / RESULT) as draft:
        draft.write_text(answer, encoding="utf-8")
    return result


def _ended(process: subprocess.Popen[bytes], look: Callable[[], None]) -> int:
    """The exit status; until there is one, have a look now and then."""
    try:
        while True:
            try:
                return process.wait(POLL)
            except subprocess.TimeoutExpired:
                look()
    except BaseException:
        process.terminate()
        # It keeps its state before it goes.
        process.wait()
        raise


def records(place: Path) -> list[dict[str, Any]]:
    """What the last run of a cell has logged so far."""
    logs = sorted((place / "runs").glob("*/metrics.jsonl"), key=_moment)
    lines = logs[-1].read_text(encoding="utf-8").splitlines(keepends=True) if logs else []
    # The last line may be half written.
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _message(log: Path, code: int) -> str:
    """The error a run ended with, in one line."""
    if code < 0:
        name = signal.Signals(-code).name
        killed = "; was there enough memory?" if name == "SIGKILL" else ""
        return f"ended by {name}{killed}"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    told = [line for line in lines if line.strip()]
    errors = [line.removeprefix("error: ") for line in told if line.startswith("error: ")]
    return (errors or told or [f"exit status {code}"])[-1]
