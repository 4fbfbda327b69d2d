"""Loads the service and others beside it on loopback: requests/s, p50/p99 by stage, peak memory.

Masks are compared first, with ours of whole pictures; a server with others gets no times. Ours,
whose decoder reduces JPEGs, and variants of it may move more pixels than near-ties: how many is
told. Then every load runs on every server in turns, all of them and the load itself on the same
cores; who is not asked is halted. A rival is any server that listens on {port}, answers GET
/healthz with 200 when it is ready and POST /segment with a PNG of class ids: tools/serving.py
starts two. `--overload 60` instead asks our server for ten times what it can, and judges how it
bears that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kernels.errors import UserError, reported
from serve.bench import pictures, plan
from serve.bench.conduct import conduct
from serve.bench.overload import strain
from serve.bench.plan import Plan

VARIANT = "our server otherwise, of the same checkpoint: 'int8=int8.onnx --whole-decode'"


def main() -> None:
    """The comparison, or the overload; exit code 1 where a goal was not reached."""
    given = _words().parse_args()
    with reported():
        told = _plan(given)
        found = strain(told, given.overload) if given.overload else conduct(told)
        print(json.dumps(found.plain(), indent=1) if given.json else found.text())
        passed = all(passed for passed, _ in found.verdicts())
    raise SystemExit(not passed)


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        prog="python -m serve.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = words.add_argument
    add("model", type=Path, help="the artefact")
    add("--options", default="", help="options of serve, as in a shell: '--workers 1'")
    add("--variant", action="append", default=[], metavar="NAME=ARTEFACT OPTIONS", help=VARIANT)
    add("--rival", action="append", default=[], metavar="NAME=COMMAND", help="another server")
    add("--at-least", action="append", default=[], metavar="NAME=TIMES", help="a ratio to reach")
    add("--picture", type=Path, action="append", default=[], help="a JPEG, up to 8 of them")
    add("--size", default="1024x2048", help="of the made-up picture where there is none")
    add("--clients", default="1,2,4,8", help="of the closed loads")
    add("--rates", default="", help="requests/s of the open loads; by default shares of what works")
    add("--seconds", type=float, default=20, help="of each load on each server")
    add("--rounds", type=int, default=4, help="in which they are interleaved")
    add("--cores", default="", help="such as 0,1: for the servers and the load")
    add("--overload", type=float, default=0, metavar="SECONDS", help="ask for ten times too much")
    add("--json", action="store_true", help="print JSON")
    return words


def _plan(given: argparse.Namespace) -> Plan:
    if given.seconds <= 0 or given.rounds < 1 or given.overload < 0:
        raise UserError("--seconds and --rounds must be more than nothing")
    clients = plan.numbers(given.clients, "--clients", least=1)
    if not clients:
        raise UserError("--clients: none are given", hint="write --clients 1,2,4,8")
    cores = plan.pinned(given.cores)
    return Plan(
        contenders=plan.together(
            plan.ours(given.model, given.options),
            *plan.variants(given.variant),
            *plan.rivals(given.rival, given.at_least),
        ),
        pictures=tuple(pictures.taken(given.picture, plan.size(given.size))),
        clients=tuple(int(count) for count in clients),
        rates=plan.numbers(given.rates, "--rates", least=1e-3),
        seconds=given.seconds,
        rounds=given.rounds,
        cores=cores,
    )


if __name__ == "__main__":
    main()
