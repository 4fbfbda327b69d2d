"""Checks parity, then times every operator beside its alternatives and prints a table or JSON.

Times are medians of many calls on inputs like real ones; ratios within a run mean more than
milliseconds, because machines are shared. Bytes count each input read once and each output
written once; `% copy` is their rate against a plain copy of as many bytes in the same run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernels.bench.memory import Need
from kernels.bench.timing import Row, timed
from kernels.errors import RefusedError, UserError, reported

# By name: the GPU's half imports torch and triton, without which the CPU's does.
HALVES = {"cpu": "kernels.bench.cpu", "cuda": "kernels.bench.gpu"}


def main() -> None:
    """The CPU's half, or the GPU's with --device cuda."""
    words = argparse.ArgumentParser(
        prog="python -m kernels.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--device", choices=HALVES, default="cpu", help="what to time")
    words.add_argument("--json", action="store_true", help="print JSON")
    words.add_argument("--logits", type=Path, help=".npy [C,h,w] of a trained model, to paint too")
    given = words.parse_args()
    with reported():
        half = importlib.import_module(HALVES[given.device])
        facts = half.facts()
        print(f"parity: {half.parity()} cases equal to the reference", file=sys.stderr)
        if given.logits and not given.logits.is_file():
            raise UserError(
                f"--logits {given.logits}: no such file", hint="tools/logits.py makes one"
            )
        rows, failures = _rows(half, given.logits)
        needs = half.needs()
    if given.json:
        plain = {"rows": [*map(asdict, rows)], "memory": [*map(asdict, needs)]}
        print(json.dumps({"facts": facts, **plain, "failures": failures}, indent=1))
    else:
        print("  ".join(f"{name} {value}" for name, value in facts.items()))
        print(table(rows, needs))
    raise SystemExit(bool(failures))


def _rows(half: Any, logits: Path | None) -> tuple[list[Row], list[str]]:
    """Every task's rows, and why a task has none: one that fails costs the others nothing."""
    rows: list[Row] = []
    failures: list[str] = []
    for task in half.tasks(logits):
        print(f"timing {task.name}", file=sys.stderr)
        try:
            rows += timed(task, half.STOPWATCH)
        # RuntimeError: what torch says of memory that is short, or of a compiler that is missing.
        except (RefusedError, RuntimeError) as error:
            failures.append(f"{task.name}: {error}")
            print(f"error: {failures[-1]}", file=sys.stderr)
    return rows, failures


def table(rows: list[Row], needs: list[Need]) -> str:
    """The rows under the task they belong to, and the memory."""
    lines = [f"{'':34}{'ms':>9} {'x ours':>8} {'GB/s':>7} {'% copy':>7}"]
    task = ""
    for row in rows:
        if row.task != task:
            task = row.task
            lines.append(task)
        lines.append(
            f"  {row.way:32}{row.milliseconds:9.3f} {row.times_ours:8.1f} "
            f"{row.gigabytes_a_second:7.2f} {100 * row.share_of_copy:7.1f}"
        )
    if needs:
        lines += [f"{'memory at its height, the mask included':34}{'MB':>9}"]
        lines += [f"  {need.way:37}{need.megabytes:9.1f}" for need in needs]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
