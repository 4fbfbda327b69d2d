"""Opens every row in a process of its own, judges its masks, and then times all in turns."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from export import samples, verify
from export.bench import judge as judging
from export.bench import plan
from export.bench.judge import Judge, Judgement
from export.bench.outcome import Outcome, against_first
from export.bench.plan import Absence, Entry, Request
from export.bench.process import Process
from export.bench.row import Row, measured
from export.bench.ways import Job, Pictures
from export.intake import Size
from export.options import Options
from export.samples import Labelled
from kernels.bench.facts import processor, versions
from kernels.errors import UserError
from trainer import data, talk
from trainer.version import writer

# What slows the machine for a while slows a round of every row.
ROUNDS = 5
USUAL = (1024, 2048)


@dataclass(kw_only=True)
class _Open:
    """A row that is being measured."""

    entry: Entry
    process: Process
    judgement: Judgement
    memory_mb: float | None
    convolutions: tuple[int, int] | None
    seconds: list[tuple[float, float]] = field(default_factory=list)

    def call(self, seconds: float) -> None:
        """Times it for a while, unless its masks are wrong or its process ends."""
        if self.judgement.wrong:
            return
        try:
            self.seconds += self.process.times(seconds)
        except UserError as error:
            self.judgement = replace(self.judgement, wrong=error.message)

    def row(self) -> Row:
        """What came of it."""
        return measured(
            self.entry,
            self.judgement,
            self.seconds,
            memory_mb=self.memory_mb,
            convolutions=self.convolutions,
        )


def conduct(request: Request) -> Outcome:
    """The whole comparison."""
    found = plan.files(request)
    known, name = judging.reference(found, request.threads)
    options = Options(data=request.data, pictures=request.pictures)
    labelled = samples.held_out(known, options)
    size = request.size or _usual_size(labelled)
    entries, absent = plan.entries(found, request, size)
    fitting = _fitting(labelled, size)
    shown = _shown(fitting, size, max(request.batches))
    judge = Judge(
        reference=known,
        name=name,
        options=options,
        labelled=labelled,
        timed=lambda batch: shown[:batch],
    )
    rows = _rows(entries, judge, request, absent)
    return Outcome(
        facts=_facts(request) | {"timed on": "labelled pictures" if fitting else "made-up ones"},
        size=size,
        reference=name,
        data=labelled.source if labelled else "",
        rows=tuple(against_first(rows)),
        absent=tuple(absent),
    )


def _facts(request: Request) -> dict[str, str]:
    return {
        "device": processor(),
        "threads": str(request.threads),
        "softres": writer().removeprefix("softres "),
        "seconds a row": f"{request.seconds:g}",
        **versions(),
    }


def _usual_size(labelled: Labelled | None) -> Size:
    return data.upright_size(labelled.pairs[0].picture) if labelled else USUAL


def _fitting(labelled: Labelled | None, size: Size) -> list[Path]:
    """Labelled pictures of the size that is timed."""
    pairs = labelled.pairs if labelled else ()
    return [pair.picture for pair in pairs if data.upright_size(pair.picture) == size]


def _shown(fitting: list[Path], size: Size, count: int) -> Pictures:
    """What is timed: those pictures, or made-up ones."""
    if not fitting:
        rng = np.random.default_rng(0)
        return np.stack([verify.structured(rng, size) for _ in range(count)])
    places = [fitting[index % len(fitting)] for index in range(count)]
    return np.stack([data.read_picture(place) for place in places])


def _rows(entries: list[Entry], judge: Judge, request: Request, absent: list[Absence]) -> list[Row]:
    """The rows, in their order; one that fails is told of and costs the others nothing."""
    with ExitStack() as processes:
        opened: list[_Open] = []
        for entry in talk.track(entries, "comparing masks", len(entries)):
            try:
                opened.append(_opened(entry, judge, request, processes))
            except UserError as error:
                absent.append(
                    Absence(file=entry.file.path.name, way=entry.title, reason=error.message)
                )
        for number in talk.track(list(range(ROUNDS)), "timing", ROUNDS):
            # To and fro: nobody always follows the same one.
            for each in opened if number % 2 == 0 else reversed(opened):
                each.call(request.seconds / ROUNDS)
        return [each.row() for each in opened]


def _opened(entry: Entry, judge: Judge, request: Request, processes: ExitStack) -> _Open:
    job = Job(way=entry.way, file=entry.file.path, threads=request.threads)
    process = processes.enter_context(Process(job, judge.timed(entry.batch)))
    memory = process.opened()
    return _Open(
        entry=entry,
        process=process,
        judgement=judge.judge(entry, process),
        memory_mb=memory,
        convolutions=process.convolutions() if entry.file.precision == "int8" else None,
    )
