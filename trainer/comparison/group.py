"""Results by kind: mean and spread over seeds, and how one kind stands against another."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.comparison.cell import Result
from trainer.comparison.plan import Kind


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A number that was measured once a seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """NaN where nobody measured it."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def deviation(self) -> float:
        """The standard deviation of the seeds as a sample; NaN for fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan

    def plain(self) -> dict[str, Any]:
        """For JSON, which has no NaN."""
        numbers = {"mean": self.mean, "deviation": self.deviation}
        told = {name: None if math.isnan(v) else round(v, 6) for name, v in numbers.items()}
        return {**told, "values": list(self.values)}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A column of the table, in the unit in which it is shown."""

    name: str
    title: str
    unit: str
    digits: int
    # None where it was not measured.
    of: Callable[[Result], float | None]


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


QUALITIES = (
    Measure(name="miou", title="mIoU", unit="%", digits=1, of=lambda r: _times(r.miou, 100)),
    Measure(
        name="boundary_miou",
        title="boundary IoU",
        unit="%",
        digits=1,
        of=lambda r: _times(r.boundary_miou, 100),
    ),
)
COSTS = (
    Measure(
        name="memory",
        title="memory of a step",
        unit="MB",
        digits=0,
        of=lambda r: _times(r.cost.memory, 1e-6),
    ),
    Measure(
        name="picture",
        title="time per picture",
        unit="ms",
        digits=1,
        of=lambda r: _times(r.cost.picture_seconds, 1e3),
    ),
    Measure(
        name="crop",
        title="arithmetic per picture",
        unit="GFLOP",
        digits=2,
        of=lambda r: _times(r.cost.crop_flops, 1e-9),
    ),
)
FURTHER = (
    Measure(
        name="whole_memory",
        title="memory of the process",
        unit="MB",
        digits=0,
        of=lambda r: _times(r.cost.whole_memory, 1e-6),
    ),
    Measure(
        name="training",
        title="training",
        unit="min",
        digits=1,
        of=lambda r: r.cost.seconds / 60,
    ),
    Measure(
        name="full_mask",
        title="arithmetic per full mask",
        unit="GFLOP",
        digits=2,
        of=lambda r: _times(r.cost.picture_flops, 1e-9),
    ),
)
MEASURES = (*QUALITIES, *COSTS, *FURTHER)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The results of one kind."""

    kind: Kind
    results: tuple[Result, ...]

    def spread(self, measure: Measure) -> Spread:
        """A measure over the seeds."""
        return _spread([measure.of(result) for result in self.results])

    def by_class(self) -> dict[str, Spread]:
        """Each class's IoU in percent; a seed without the class counts nothing."""
        names = self.results[0].iou
        return {name: _spread([_times(r.iou[name], 100) for r in self.results]) for name in names}

    def plain(self) -> dict[str, Any]:
        """For JSON, in the units of the table."""
        return {
            "factor": str(self.kind.factor),
            "labels": self.kind.labels,
            "sight": self.kind.sight,
            "seeds": [result.cell.seed for result in self.results],
            **{_key(m): self.spread(m).plain() for m in MEASURES},
            "iou_percent": {name: s.plain() for name, s in self.by_class().items()},
        }


def _key(measure: Measure) -> str:
    unit = "percent" if measure.unit == "%" else measure.unit
    return f"{measure.name}_{unit}"


def _spread(values: Sequence[float | None]) -> Spread:
    return Spread(values=tuple(value for value in values if value is not None))


def groups(results: Sequence[Result], kinds: Sequence[Kind]) -> list[Group]:
    """A group a kind that has results, in the order of `kinds`."""
    of = {kind: tuple(result for result in results if result.kind == kind) for kind in kinds}
    return [Group(kind=kind, results=found) for kind, found in of.items() if found]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One kind against another: what it costs as a part of the other, what it scores beyond it."""

    kind: Kind
    against: Kind
    memory: float
    time: float
    arithmetic: float
    miou: float
    boundary_miou: float

    def told(self) -> str:
        """In one line."""
        parts = {"memory": self.memory, "time per picture": self.time}
        costs = [f"{v:.2g} x {name}" for name, v in parts.items() if not math.isnan(v)]
        gains = [f"{self.miou:+.1f} mIoU", f"{self.boundary_miou:+.1f} boundary IoU"]
        return f"{self.kind.title} against {self.against.title}: {', '.join([*costs, *gains])}"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        names = ("memory", "time", "arithmetic", "miou", "boundary_miou")
        numbers = {name: getattr(self, name) for name in names}
        told = {name: None if math.isnan(v) else round(v, 4) for name, v in numbers.items()}
        return {"kind": self.kind.title, "against": self.against.title, **told}


def ratios(found: Sequence[Group]) -> list[Ratio]:
    """Every kind against the one with the largest factor, the first of those."""
    if not found:
        return []
    base = max(found, key=lambda group: group.kind.factor)
    return [_ratio(group, base) for group in found if group is not base]


def _ratio(group: Group, base: Group) -> Ratio:
    def mean(of: Group, measure: Measure) -> float:
        return of.spread(measure).mean

    parts = [mean(group, measure) / (mean(base, measure) or math.nan) for measure in COSTS]
    gains = [mean(group, measure) - mean(base, measure) for measure in QUALITIES]
    return Ratio(
        kind=group.kind,
        against=base.kind,
        memory=parts[0],
        time=parts[1],
        arithmetic=parts[2],
        miou=gains[0],
        boundary_miou=gains[1],
    )
