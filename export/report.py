"""Judges what the comparison counted: whether an artefact may be published, and why not."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export import precisions
from export.precisions import Gate
from export.sample import Sample
from export.verify import Verdict
from kernels.publish import published

SUFFIX = ".verify.json"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was counted, on made-up pictures and on labelled ones, and what was promised."""

    precision: str
    verdict: Verdict
    sample: Sample | None = None
    source: str = ""  # of the labelled pictures
    accept: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the artefact may be published."""
        return not self.objections or (self.accept and self.is_waivable)

    @property
    def objections(self) -> list[str]:
        """What the gate of this precision does not let pass."""
        gate = precisions.find(self.precision).GATE
        return self._faults() + (self._inexact() if gate.exact else self._beyond(gate))

    @property
    def is_waivable(self) -> bool:
        """Whether the user may take it as it is: a loss, but no fault."""
        return not self._faults() and precisions.find(self.precision).GATE.waivable

    @property
    def _verdicts(self) -> list[Verdict]:
        return [self.verdict, *([self.sample.verdict] if self.sample else [])]

    def _faults(self) -> list[str]:
        """What no precision excuses."""
        found = []
        if not all(verdict.is_around for verdict in self._verdicts):
            found.append("the graph around the network is wrong")
        if not all(verdict.is_finite for verdict in self._verdicts):
            found.append(f"its logits are no numbers: beyond what {self.precision} can hold")
        return found

    def _inexact(self) -> list[str]:
        return [str(verdict) for verdict in self._verdicts if not verdict.agrees]

    def _beyond(self, gate: Gate) -> list[str]:
        found = []
        if self.sample is None:
            changed = self.verdict.changed / self.verdict.pixels
            if gate.miou is not None and gate.changed is None:
                found.append("without labelled pictures its loss of mIoU is not known")
        else:
            changed, (before, after) = self.sample.changed, self.sample.scores
            # Written so that NaN is an objection.
            if gate.miou is not None and not before - after <= gate.miou:
                found.append(
                    f"mIoU falls from {100 * before:.2f} to {100 * after:.2f}, "
                    f"allowed is {100 * gate.miou:g}"
                )
        if gate.changed is not None and not changed <= gate.changed:
            found.append(
                f"{100 * changed:.3f} % of pixels change, allowed is {100 * gate.changed:g} %"
            )
        return found

    def plain(self) -> dict[str, Any]:
        """For JSON: the report that is kept, and the facts in the artefact."""
        plain: dict[str, Any] = finite(
            {
                "precision": self.precision,
                "agrees": self.agrees,
                "objections": self.objections,
                "accepted": self.accept and bool(self.objections),
                "structured": asdict(self.verdict),
                "labelled": self.sample.plain() | {"data": self.source} if self.sample else None,
            }
        )
        return plain

    def __str__(self) -> str:
        return str(self.verdict) + (f"; {self.sample}" if self.sample else "")


def finite(plain: Any) -> Any:
    """The same with None for what is no number: JSON has no word for it."""
    if isinstance(plain, dict):
        return {name: finite(value) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [finite(value) for value in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def place(artefact: Path) -> Path:
    """Where the report of a refused artefact lies."""
    return artefact.with_name(artefact.name + SUFFIX)


def keep(report: Report, artefact: Path) -> Path:
    """Write the report beside where the artefact would be."""
    with published(place(artefact)) as draft:
        draft.write_text(json.dumps(report.plain(), indent=2) + "\n", encoding="utf-8")
    return place(artefact)
