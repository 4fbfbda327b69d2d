"""All that was measured, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from serve.bench.masks import Likeness
from serve.bench.plan import OURS
from serve.bench.row import Quantiles, Row

MOST_BESIDES = 20.0  # milliseconds a picture for all that is not the network
HEAD = (
    f"{'':12}{'load':16}{'/s':>7}{'p50':>9}{'p99':>9}{'besides':>9}{'cores':>9}"
    f"{'late':>7}{'load %':>7}  answers"
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The rows of all servers, and what there is no row of."""

    facts: dict[str, str]
    rows: tuple[Row, ...]
    peaks: dict[str, int]  # bytes
    likeness: dict[str, Likeness]
    best: dict[str, float]  # answers a second
    least: dict[str, float]
    absent: dict[str, str]
    ours: tuple[str, ...] = (OURS,)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "verdicts": [list(each) for each in self.verdicts()]}

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """What was to be reached, and whether it was."""
        for own in self.ours:
            for name, times in self.least.items():
                if self.best.get(name):
                    found = self.best[own] / self.best[name]
                    told = f"{own}: {found:.2f} x the requests/s of {name}, at least {times:g}"
                    yield found >= times, told
            alone = next((row for row in self.rows if row.server == own), None)
            if alone and alone.besides:
                yield (
                    alone.besides.p50 <= MOST_BESIDES,
                    f"{own}: {alone.besides.p50:.1f} ms besides the network ({alone.load}, p50), "
                    f"at most {MOST_BESIDES:g}",
                )

    def text(self) -> str:
        """For a terminal."""
        facts = "  ".join(f"{name} {value}" for name, value in self.facts.items())
        parts = [facts, "\n".join(self._table()), "\n".join(self._stages())]
        parts += ["\n".join(self._notes()), judged(list(self.verdicts()))]
        return "\n\n".join(part for part in parts if part)

    def _table(self) -> Iterator[str]:
        yield HEAD
        for row in self.rows:
            told = ", ".join(f"{count} x {status}" for status, count in row.statuses.items())
            total = row.total
            yield (
                f"{row.server:12}{row.load:16}{row.rate:7.2f}{_ms(total.p50 if total else None)}"
                f"{_ms(total.p99 if total else None)}"
                f"{_ms(row.besides.p50 if row.besides else None)}{row.served:9.1f}"
                f"{row.late_p99:7.1f}"
                f"{100 * row.processor:7.1f}  {told}"
            )

    def _stages(self) -> Iterator[str]:
        yield "stages, p50/p99 in ms"
        for row in self.rows:
            if row.stages:
                told = "  ".join(f"{name} {_pair(each)}" for name, each in row.stages.items())
                yield f"{row.server:12}{row.load:16}{told}"

    def _notes(self) -> Iterator[str]:
        yield "p50, p99: ms from the moment a request was to be sent to its whole answer"
        yield "besides: p50 of ms that are neither network nor queue; cores: ms of them an answer"
        yield "late: p99 of ms that a request was sent too late"
        yield "load %: the load's own share of one of the cores"
        for name, peak in self.peaks.items():
            yield f"{name}: {peak / 2**20:.0f} MiB at its height"
        for name, one in self.likeness.items():
            yield (
                f"{name}: {one.changed:.4%} of pixels unlike ours of whole pictures, "
                f"{one.beyond:.4%} no near-ties"
            )
        for own in self.ours:
            for name, rate in self.best.items():
                if name not in self.ours and rate:
                    yield f"{own} answers {self.best[own] / rate:.2f} x as many a second as {name}"
        for name, reason in self.absent.items():
            yield f"{name}: not run, {reason}"


def judged(verdicts: list[tuple[bool, str]]) -> str:
    """One line each."""
    return "\n".join(f"{'PASS' if passed else 'MISS'}  {told}" for passed, told in verdicts)


def _ms(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.1f}"


def _pair(quantiles: Quantiles) -> str:
    return f"{quantiles.p50:.1f}/{quantiles.p99:.1f}"
