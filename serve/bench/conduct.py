"""Starts all servers, compares their masks, and then loads them in turns."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kernels import memory
from kernels.bench.facts import processor, versions
from kernels.errors import UserError
from serve.bench import load, masks, pictures
from serve.bench.load import Volley
from serve.bench.masks import Likeness, Plane
from serve.bench.outcome import Outcome
from serve.bench.plan import OURS, PATH, Contender, Plan
from serve.bench.process import Server, running
from serve.bench.row import Row, row

# Arrivals leave nobody time to breathe: beyond this share of what it can, a server only falls back.
MOST_SHARE = 0.9
# Rates that are asked of all where none are told, as shares of what ours can, and of the slowest.
SHARES = (0.5, 0.8)

Load = Callable[[Server, int], Coroutine[Any, Any, Volley]]


@dataclass(kw_only=True)
class _Open:
    """A server with the right masks, and what was seen of it."""

    contender: Contender
    server: Server
    likeness: Likeness
    volleys: dict[str, list[Volley]] = field(default_factory=dict)
    peak: int = 0

    def rows(self) -> list[Row]:
        """All its lines."""
        return [row(self.server.name, name, rounds) for name, rounds in self.volleys.items()]

    def best(self) -> float:
        """Answers a second, by the load that got most."""
        return max(one.rate for one in self.rows())


def conduct(plan: Plan) -> Outcome:
    """The whole comparison."""
    with TemporaryDirectory() as folder, ExitStack() as held:
        there, absent = _opened(plan, Path(folder), held)
        _loaded(plan, there, {f"closed {count}": _closed(plan, count) for count in plan.clients})
        for rate in plan.rates or _usual_rates(there):
            able = [each for each in there if rate <= MOST_SHARE * each.best()]
            _loaded(plan, able, {f"open {rate:.2f}/s": _arriving(plan, rate)})
        for each in there:
            each.peak = each.server.resident(memory.HEIGHT)
        return Outcome(
            facts=_facts(plan),
            rows=tuple(one for each in there for one in each.rows()),
            peaks={each.server.name: each.peak for each in there},
            likeness={each.server.name: each.likeness for each in there},
            best={each.server.name: each.best() for each in there},
            least={one.name: one.least for one in plan.contenders if one.least is not None},
            absent=absent,
            ours=tuple(each.server.name for each in there if each.contender.is_ours),
        )


def _facts(plan: Plan) -> dict[str, str]:
    sizes = ", ".join(str(len(each)) for each in plan.pictures)
    return {
        "device": processor(),
        "cores": ",".join(map(str, plan.cores)),
        "pictures (bytes)": sizes,
        "seconds a load": f"{plan.seconds:g} in {plan.rounds} rounds",
        **versions(),
    }


def _opened(plan: Plan, folder: Path, held: ExitStack) -> tuple[list[_Open], dict[str, str]]:
    """The servers with the right masks, halted, and why there are not the others."""
    there, absent = list[_Open](), dict[str, str]()
    known: tuple[list[Plane], list[Plane]] | None = None
    for contender in plan.contenders:
        _say(f"starting {contender.name}, comparing masks")
        try:
            server = held.enter_context(running(contender.name, contender.command, folder))
            planes = masks.answered(server.port, PATH, plan.pictures)
            known = known or _known(plan, server)
            likeness = masks.likeness(*known, planes)
            if wrong := likeness.wrong(variant=contender.is_ours):
                raise UserError(
                    wrong, hint="send photos with --picture, or add --options=--whole-decode"
                )
        except UserError as error:
            if contender.name == OURS:
                raise
            absent[contender.name] = error.message
            continue
        with server.awake():
            there.append(_Open(contender=contender, server=server, likeness=likeness))
    return there, absent


def _known(plan: Plan, server: Server) -> tuple[list[Plane], list[Plane]]:
    """Our masks, and how far their classes lead, of the very pixels that rivals decode."""
    pixels = [pictures.without_loss(each) for each in plan.pictures]
    paths = PATH, f"{PATH}?format=confidence"
    mask, lead = (masks.answered(server.port, path, pixels) for path in paths)
    return mask, lead


def _loaded(plan: Plan, there: list[_Open], loads: dict[str, Load]) -> None:
    """Every load on every server, round by round: what slows the machine a while slows all."""
    for number in range(plan.rounds):
        for name, one in loads.items():
            _say(f"round {number + 1} of {plan.rounds}: {name}")
            # To and fro: nobody always follows the same one.
            for each in there if number % 2 == 0 else reversed(there):
                with each.server.awake():
                    spent = each.server.processor()
                    volley = asyncio.run(one(each.server, number))
                    served = each.server.processor() - spent
                each.volleys.setdefault(name, []).append(replace(volley, served=served))


def _closed(plan: Plan, clients: int) -> Load:
    seconds = plan.seconds / plan.rounds
    return lambda server, _: load.closed(
        server.port, plan.requests, clients=clients, seconds=seconds
    )


def _arriving(plan: Plan, rate: float) -> Load:
    seconds = plan.seconds / plan.rounds
    return lambda server, number: load.opened(
        server.port, plan.requests, rate=rate, seconds=seconds, seed=number
    )


def _usual_rates(there: list[_Open]) -> list[float]:
    """One that everybody can bear, and two for who can as much as we."""
    ours, slowest = there[0].best(), min(each.best() for each in there)
    return sorted({SHARES[0] * slowest, *(share * ours for share in SHARES)})


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
