"""One measured line of the table, and how it follows from the seconds of many calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.bench.judge import Judgement
from export.bench.plan import Entry

Seconds = Sequence[tuple[float, float]]  # end to end, and of the network in it


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is not None was measured; a row that is `wrong` has no times."""

    file: str
    way: str
    precision: str
    batch: int
    calls: int = 0
    network_ms: float | None = None
    head_ms: float | None = None  # all that is not the network
    p50_ms: float | None = None
    p99_ms: float | None = None
    pictures_per_second: float | None = None
    times_first: float | None = None  # p50 / p50 of the first row of as many pictures
    memory_mb: float | None = None
    file_mb: float = 0.0
    changed: float | None = None
    miou: float | None = None
    wrong: str = ""
    convolutions: tuple[int, int] | None = None  # in 8 bits, and all of them


def measured(
    entry: Entry,
    judgement: Judgement,
    seconds: Seconds,
    *,
    memory_mb: float | None,
    convolutions: tuple[int, int] | None = None,
) -> Row:
    """The row of these calls; of none where its masks are wrong."""
    times: dict[str, float] = {}
    if seconds and not judgement.wrong:
        totals = 1e3 * np.array([total for total, _ in seconds])
        network = float(1e3 * np.median([inner for _, inner in seconds]))
        middle = float(np.median(totals))
        times = {
            "network_ms": network,
            "head_ms": middle - network,
            "p50_ms": middle,
            "p99_ms": float(np.quantile(totals, 0.99)),
            "pictures_per_second": 1e3 * entry.batch / middle,
        }
    return Row(
        file=entry.file.path.name,
        way=entry.title,
        precision=entry.file.precision,
        batch=entry.batch,
        calls=len(seconds) if times else 0,
        memory_mb=memory_mb,
        file_mb=entry.file.path.stat().st_size / 1e6,
        changed=judgement.changed,
        miou=judgement.miou,
        wrong=judgement.wrong,
        convolutions=convolutions,
        **times,
    )
