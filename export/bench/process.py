"""A row's process as the one that asks sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np

from export.bench.ways import Job, Pictures
from export.targets import Answer
from kernels.errors import UserError
from kernels.paint import Mask

PATIENCE = 30  # seconds, for a process that was told to end


class Process:
    """Opens the job at once; what it cannot do is an error that says why."""

    def __init__(self, job: Job, timed: Pictures) -> None:
        self._folder = TemporaryDirectory()
        self._place = Path(self._folder.name)
        np.save(self._place / "timed.npy", timed)
        words = [job.way, str(job.file), str(job.threads), str(self._place / "timed.npy")]
        with (self._place / "stderr").open("w") as talk:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "export.bench.child", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=talk,
                text=True,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()

    def opened(self) -> float | None:
        """Waits until it is open: the megabytes that took."""
        megabytes: float | None = self._told()["memory_mb"]
        return megabytes

    def times(self, seconds: float) -> list[tuple[float, float]]:
        """Seconds of calls from end to end, and of the network in each."""
        return [(total, network) for total, network in self._ask(do="time", seconds=seconds)]

    def convolutions(self) -> tuple[int, int] | None:
        """How many compute in 8 bits, and how many there are."""
        found = self._ask(do="convolutions")
        return (found[0], found[1]) if found else None

    def mask(self, pictures: Pictures) -> Mask:
        """The mask of every picture."""
        mask: Mask = self._arrays("mask", pictures)["mask"]
        return mask

    def answer(self, pictures: Pictures) -> Answer:
        """The masks, and all that judging them takes."""
        return Answer(**self._arrays("answer", pictures))

    def _arrays(self, wish: str, pictures: Pictures) -> dict[str, Any]:
        asked, given = self._place / "asked.npy", self._place / "given.npz"
        np.save(asked, pictures)
        self._tell(do=wish, pictures=str(asked), to=str(given))
        self._told()
        with np.load(given) as arrays:
            return dict(arrays)

    def _ask(self, **wish: Any) -> Any:
        self._tell(**wish)
        (value,) = self._told().values()
        return value

    def _tell(self, **wish: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise UserError(told["error"])
        return told

    def _ended(self) -> UserError:
        status = self._process.wait(PATIENCE)
        said = (self._place / "stderr").read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "it does not say why")
        return UserError(f"its process ended with {status}: {last}")
