"""Holds the methods against each other with few labels: equal steps, several seeds, native size.

Words it does not know go to `trainer fit`. Ended, it goes on where it was: what is through is not
run again. Prints a table, and leaves every score and log in the folder of `--out`.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kernels.publish import published
from trainer import catalog

RESULT, CPU, WORDS = "result.json", "cpu.json", "words.json"
Result = dict[str, Any]
# What a row says of the runs of a method: its title and the value of each run.
COLUMNS: dict[str, Callable[[Result], float | None]] = {
    "mIoU %": lambda run: 100 * run["miou"],
    "boundary mIoU %": lambda run: 100 * run["boundary_miou"],
    "CPU minutes": lambda run: run["cpu_seconds"] / 60,
    "ms a step": lambda run: _times(run["cost"]["picture_seconds"], 1000 * run["cost"]["batch"]),
    "MiB at the height": lambda run: _times(run["cost"]["memory"], 1 / 2**20),
}


def main() -> None:
    """Run what is missing, and print the table."""
    given, more = _arguments()
    words = ["--data", given.data, "--factor", given.factor, "--labelled", given.labelled]
    words += ["--steps", str(given.steps), *more]
    _settle(given.out, words)
    for seed in given.seeds:
        for method in given.methods:
            if found(given.out, method, seed) is None:
                train(given.out, method, seed, words)
                print(table(given.out, given.methods, given.seeds), file=sys.stderr)
    print(table(given.out, given.methods, given.seeds))


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--methods", nargs="+", default=catalog.names("methods"))
    words.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    words.add_argument("--data", default="streets")
    words.add_argument("--factor", default="1/4")
    words.add_argument("--labelled", default="1/8")
    words.add_argument("--steps", type=int, default=1000)
    words.add_argument("--out", type=Path, default=Path("runs/methods"))
    return words.parse_known_args()


def _settle(out: Path, words: list[str]) -> None:
    """Runs that are held against each other were all given the same words."""
    path = out / WORDS
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(words), encoding="utf-8")
    before = json.loads(path.read_text(encoding="utf-8"))
    if before != words:
        raise SystemExit(f"{out} holds runs with {' '.join(before)}: choose another --out")


def place(out: Path, method: str, seed: int) -> Path:
    """The folder of one run."""
    return out / f"{re.sub(r'[^a-z0-9.=]+', '-', method.lower())}-seed-{seed}"


def found(out: Path, method: str, seed: int) -> Result | None:
    """What a run came to, where it is through."""
    folder = place(out, method, seed)
    if not (folder / RESULT).exists():
        return None
    return {**_read(folder / RESULT), **_read(folder / CPU)}


def train(out: Path, method: str, seed: int, words: Sequence[str]) -> None:
    """One run in a process of its own, or what is left of it."""
    folder = place(out, method, seed)
    folder.mkdir(parents=True, exist_ok=True)
    begun = sorted((folder / "runs").glob("*/last.ckpt"), key=lambda path: path.stat().st_mtime)
    command = [sys.executable, "-m", "trainer", "fit", *words, "--method", method]
    command += ["--seed", str(seed), "--runs", str(folder / "runs"), "--json"]
    command += ["--out", str(folder / "model.ckpt")]
    command += ["--resume", str(begun[-1].parent)] if begun else []
    print(f"method {method}, seed {seed}", file=sys.stderr, flush=True)
    before = _cpu_seconds()
    with (folder / "log.txt").open("ab") as log:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True)
    spent = _read(folder / CPU).get("cpu_seconds", 0) + _cpu_seconds() - before
    (folder / CPU).write_text(json.dumps({"cpu_seconds": spent}), encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"method {method}, seed {seed} has failed: see {folder}/log.txt")
    with published(folder / RESULT) as draft:
        draft.write_text(done.stdout, encoding="utf-8")


def table(out: Path, methods: Sequence[str], seeds: Sequence[int]) -> str:
    """A row a method, mean and sample standard deviation over the seeds that are through."""
    lines = [
        "| method | seeds | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for method in methods:
        runs = [run for seed in seeds if (run := found(out, method, seed))]
        cells = [_spread([column(run) for run in runs]) for column in COLUMNS.values()]
        lines.append(f"| `{method}` | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "not measured"
    spread = f" ± {statistics.stdev(known):.1f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.1f}{spread}"


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _cpu_seconds() -> float:
    """Of all processes this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _read(path: Path) -> Result:
    if not path.exists():
        return {}
    said: Result = json.loads(path.read_text(encoding="utf-8"))
    return said


if __name__ == "__main__":
    main()
