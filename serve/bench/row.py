"""One line of the table, and how it follows from the requests of several rounds."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from serve.bench.load import Shot, Volley

HTTP = "http"  # what the client waited beyond all stages the server tells of


@dataclass(frozen=True, kw_only=True)
class Quantiles:
    """Milliseconds that half of them, and all but one in a hundred, took at most."""

    p50: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """A server under one load; times are of the answers with 200 alone."""

    server: str
    load: str
    statuses: dict[int, int]
    rate: float  # answers with 200 a second, the median of the rounds
    total: Quantiles | None
    besides: Quantiles | None  # all that is neither network nor queue
    stages: dict[str, Quantiles] = field(default_factory=dict)
    processor: float = 0.0  # the load's own share of one core
    served: float = 0.0  # milliseconds of the cores that the server took for each answer
    late_p99: float = 0.0  # milliseconds that requests were sent too late


def row(server: str, load: str, rounds: Sequence[Volley]) -> Row:
    """What all rounds of a load came to."""
    shots = [shot for volley in rounds for shot in volley.shots]
    done = [shot for shot in shots if shot.status == 200]
    seconds = sum(volley.seconds for volley in rounds)
    return Row(
        server=server,
        load=load,
        statuses=dict(sorted(Counter(shot.status for shot in shots).items())),
        rate=statistics.median(map(_rate, rounds)) if rounds else 0.0,
        total=_quantiles([1000 * shot.seconds for shot in done]),
        besides=_quantiles([_besides(shot) for shot in done if "network" in shot.stages]),
        stages=_stages(done),
        processor=sum(volley.processor for volley in rounds) / seconds if seconds else 0.0,
        served=1000 * sum(volley.served for volley in rounds) / max(1, len(done)),
        late_p99=1000 * float(np.quantile([shot.late for shot in shots], 0.99)) if shots else 0.0,
    )


def _rate(volley: Volley) -> float:
    return sum(shot.status == 200 for shot in volley.shots) / volley.seconds


def _besides(shot: Shot) -> float:
    waited = shot.stages["network"] + shot.stages.get("queue", 0.0)
    return 1000 * (shot.seconds - shot.late) - waited


def _stages(done: Sequence[Shot]) -> dict[str, Quantiles]:
    names = dict.fromkeys(name for shot in done for name in shot.stages)
    told = {name: [shot.stages.get(name, 0.0) for shot in done] for name in names}
    if told:
        told[HTTP] = [
            1000 * (shot.seconds - shot.late) - sum(shot.stages.values()) for shot in done
        ]
    found = {name: _quantiles(each) for name, each in told.items()}
    return {name: each for name, each in found.items() if each is not None}


def _quantiles(milliseconds: Sequence[float]) -> Quantiles | None:
    if not milliseconds:
        return None
    p50, p99 = np.quantile(milliseconds, (0.5, 0.99))
    return Quantiles(p50=float(p50), p99=float(p99))
