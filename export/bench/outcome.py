"""All that was measured, as JSON and as Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from export.bench.plan import Absence
from export.bench.row import Row
from export.intake import Size
from export.report import finite
from trainer.comparison.table import pipes

HEADER = (
    *("file, way", "n", "network", "head", "p50", "p99", "x", "/s"),
    *("+MB", "MB", "changed", "mIoU"),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The rows in the order of the plan, what there is no row of, and what was measured with."""

    facts: dict[str, str]
    size: Size
    reference: str
    data: str  # of the labelled pictures
    rows: tuple[Row, ...]
    absent: tuple[Absence, ...]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "facts": self.facts,
            "size": list(self.size),
            "reference": self.reference,
            "data": self.data,
            "rows": [finite(asdict(row)) for row in self.rows],
            "not_run": [asdict(absence) for absence in self.absent],
            "head": self.heads(),
        }

    def heads(self) -> dict[str, str]:
        """The fastest way of each artefact, one picture at a time or as few as were asked for."""
        least = min((row.batch for row in self.rows), default=1)
        found: dict[str, tuple[float, str]] = {}
        for row in self.rows:
            if row.p50_ms is not None and row.batch == least and not row.file.endswith(".ckpt"):
                found[row.file] = min(found.get(row.file, (row.p50_ms, row.way)), _speed(row))
        return {file: way for file, (_, way) in found.items()}

    def markdown(self) -> str:
        """The table, and what must be known beside it."""
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        about = f"{self.size[0]}x{self.size[1]}; {facts}"
        table = pipes([HEADER, *(_line(row) for row in self.rows)])
        notes = [f"- {note}" for note in self._notes()]
        return "\n\n".join([about, table, "\n".join(notes)]) + "\n"

    def _notes(self) -> Iterator[str]:
        labelled = f"on {self.data}" if self.data else "on made-up pictures"
        yield "n: pictures at once; network, head (all the rest), p50, p99: ms for them"
        yield "x: p50 / p50 of the first row of as many pictures; /s: pictures a second"
        yield "+MB: memory at its height, over the process with its libraries; MB: the file"
        yield f"changed: % of pixels unlike {self.reference}'s, {labelled}"
        if not self.data and any(row.precision == "int8" for row in self.rows):
            yield "without labelled pictures nobody judged what int8 loses: see changed"
        for file, way in self.heads().items():
            yield f"{file}: fastest as {way}"
        for row in self.rows:
            if row.wrong:
                yield f"{row.file}, {row.way}, batch {row.batch}: not timed, {row.wrong}"
        yield from _slow_bytes(self.rows)
        for absence in self.absent:
            yield f"{absence.file}, {absence.way}: not run, {absence.reason}"


def _speed(row: Row) -> tuple[float, str]:
    return row.p50_ms or 0.0, row.way


def against_first(rows: Sequence[Row]) -> list[Row]:
    """The rows, with their times in those of the first timed one of as many pictures."""
    first: dict[int, float] = {}
    found = []
    for row in rows:
        if row.p50_ms is not None:
            ratio = row.p50_ms / first.setdefault(row.batch, row.p50_ms)
            row = replace(row, times_first=ratio)
        found.append(row)
    return found


def _slow_bytes(rows: Sequence[Row]) -> Iterator[str]:
    """Why int8 is no faster than fp32, where it is not."""
    timed = [row for row in rows if row.p50_ms is not None]
    exact = {(row.way, row.batch): row.p50_ms for row in timed if row.precision == "fp32"}
    for row in timed:
        if row.precision != "int8" or row.convolutions is None or row.p50_ms is None:
            continue
        whole, every = row.convolutions
        yield (
            f"{row.file}, {row.way}, batch {row.batch}: ONNX Runtime computes {whole} of {every} "
            "convolutions in 8 bits" + _verdict(row.p50_ms, exact.get((row.way, row.batch)))
        )


def _verdict(ours: float, exact: float | None) -> str:
    if exact is None:
        return ""
    if ours < exact:
        return f", and is {exact / ours:.2f} times as fast as fp32"
    return (
        ": the others are float32 between conversions, and so it takes "
        f"{ours / exact:.2f} times as long as fp32"
    )


def _line(row: Row) -> tuple[str, ...]:
    return (
        f"{row.file.removesuffix('.onnx').removesuffix('.ckpt')}, {row.way}",
        str(row.batch),
        *(_number(value, 1) for value in (row.network_ms, row.head_ms, row.p50_ms, row.p99_ms)),
        _number(row.times_first, 2),
        _number(row.pictures_per_second, 1),
        _number(row.memory_mb, 0),
        _number(row.file_mb, 1),
        _number(None if row.changed is None else 100 * row.changed, 3),
        _number(None if row.miou is None else 100 * row.miou, 2),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
