"""Keeps a run resumable: saves its state now and then, on a wish to stop, and on an error."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import UserError
from trainer import checkpoint, resume, talk
from trainer.learner import Learner, StuckError
from trainer.run import Run

UNITS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A stretch of time, or a number of steps."""

    seconds: float = 0
    steps: int = 0

    @classmethod
    def read(cls, text: str) -> Interval:
        """'5min', '30s', '2h', or '500' for steps."""
        found = re.fullmatch(r"(\d{1,9})(s|min|h)?", text)
        if not found or int(found[1]) == 0:
            raise UserError(
                f"--save-every '{text}' is neither a time nor a number of steps",
                hint="write 30s, 5min, 2h, or 500 for every 500 steps",
            )
        if found[2]:
            return cls(seconds=int(found[1]) * UNITS[found[2]])
        return cls(steps=int(found[1]))


class Keeper:
    """Saves `learner` in the folder of `run`."""

    def __init__(
        self, learner: Learner, run: Run, *, out: Path, crop: tuple[int, int], every: Interval
    ) -> None:
        self.learner, self.run, self.out, self.crop, self.every = learner, run, out, crop, every
        self._saved = time.monotonic()

    def save(self) -> None:
        """Write last.ckpt now."""
        checkpoint.refuse_unsound(self.learner.state(), self.run.last)
        resume.save(self.learner, self.run, out=self.out, crop=self.crop)
        self._saved = time.monotonic()

    def save_in_time(self) -> None:
        """Write last.ckpt where its time has come."""
        if self.every.steps:
            due = self.learner.steps_done % self.every.steps == 0
        else:
            due = time.monotonic() - self._saved >= self.every.seconds
        if due:
            self.save()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Save on the way out; a wish to stop ends the block, an error goes on."""
        try:
            yield
        except KeyboardInterrupt:
            self._rescue()
            talk.say(f"stopped after {self._progress()}; {self._how_to_go_on()}")
        except BaseException as error:
            self._rescue()
            self._leave_a_model()
            talk.say(
                self._how_to_change() if isinstance(error, StuckError) else self._how_to_go_on()
            )
            raise
        else:
            self.save()

    def _rescue(self) -> None:
        """Save what can be saved; what is wrong already is not made worse."""
        if not self.learner.is_whole:
            return
        try:
            self.save()
        except UserError as error:
            talk.say(f"note: {error.message}; the state before is still there")

    def _leave_a_model(self) -> None:
        """A model of the steps so far, in the run's folder: what lies at `out` may be better."""
        learner = self.learner
        if learner.steps_done and self.run.writes and checkpoint.is_sound(learner.shown):
            try:
                checkpoint.save(learner.state(), self.run.checkpoint)
                talk.say(f"{self.run.checkpoint} is the model of {self._progress()}")
            except UserError as error:
                talk.say(f"note: {error.message}")

    def _progress(self) -> str:
        return f"{self.learner.steps_done} of {self.learner.recipe.steps} steps"

    def _how_to_change(self) -> str:
        """A run goes on with its own recipe alone; another one can begin with its weights."""
        if not self.run.checkpoint.is_file():
            return "begin another run with the recipe changed"
        kept = shlex.quote(str(self.run.checkpoint))
        words = f"--model {self.learner.recipe.model} --weights {kept}"
        return f"to begin another run from what was learned: trainer fit {words} ..."

    def _how_to_go_on(self) -> str:
        return f"to go on: trainer fit --resume {shlex.quote(str(self.run.folder))}"
