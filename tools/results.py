"""Prints a table of several factors and seeds on `streets`, scored at native size."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    """Train every factor with every seed; print mean and spread, keep the raw scores."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--factors", nargs="+", default=["1/4", "1/8"])
    words.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    words.add_argument("--steps", type=int)
    words.add_argument("--out", type=Path, default=Path("docs/results/streets.json"))
    given = words.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    for factor in given.factors:
        results[factor] = [run(factor, seed, given.steps) for seed in given.seeds]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


def run(factor: str, seed: int, steps: int | None) -> dict[str, Any]:
    """One training run in a folder of its own."""
    command = [sys.executable, "-m", "trainer", "fit", "--recipe", "streets", "--factor", factor]
    command += ["--seed", str(seed), "--json"] + (["--steps", str(steps)] if steps else [])
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return {"seed": seed, **json.loads(done.stdout)}


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """A column a factor, a row a class."""
    lines = [
        "| mIoU % on the test split | " + " | ".join(f"factor {f}" for f in results) + " |",
        "|---|" + "---|" * len(results),
        "| **all classes** | "
        + " | ".join(f"**{_spread(_means(r))}**" for r in results.values())
        + " |",
    ]
    first = next(iter(results.values()))[0]
    for name in first["iou"]:
        scores = [
            [100 * run["iou"][name] for run in runs if run["iou"][name] is not None]
            for runs in results.values()
        ]
        lines.append(f"| {name} | " + " | ".join(map(_spread, scores)) + " |")
    return "\n".join(lines)


def _means(runs: list[dict[str, Any]]) -> list[float]:
    return [100 * run["miou"] for run in runs]


def _spread(values: list[float]) -> str:
    """Mean and sample standard deviation."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
