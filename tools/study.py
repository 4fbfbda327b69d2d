"""Puts what several runs of `trainer compare` found into one table, with the mean of thin classes.

`python tools/study.py 'cross-entropy=a/compare.json' 'jdt=b/compare.json' --thin pole,sign_symbol`:
a row for each factor and label mode of each file. `--json` writes the numbers of all seeds instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.comparison.group import Spread
from trainer.comparison.table import number, pipes

Kind = dict[str, Any]
# A measure of compare.json, its title, and the digits that are shown.
MEASURES = (
    ("boundary_miou_percent", "boundary IoU, %", 1),
    ("memory_MB", "memory of a step, MB", 0),
    ("picture_ms", "ms a picture", 1),
    ("training_min", "training, min", 1),
)


def main() -> None:
    """Print the table, or JSON."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("files", nargs="+", metavar="NAME=compare.json")
    words.add_argument("--thin", default="", help="classes, by commas")
    words.add_argument("--json", action="store_true", help="print JSON, no table")
    given = words.parse_args()
    thin = [name for name in given.thin.split(",") if name]
    rows = [row for told in given.files for row in kinds(*told.split("=", 1), thin)]
    print(json.dumps(rows, indent=1) if given.json else table(rows))


def kinds(name: str, path: str, thin: Sequence[str]) -> list[Kind]:
    """What a comparison found of each of its kinds; nothing of where its data lies."""
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return [{"name": name, **kind, "thin_percent": _thin(kind, thin)} for kind in found["kinds"]]


def table(rows: Sequence[Kind]) -> str:
    """For Markdown: mean and sample standard deviation over the seeds."""
    titles = ("", "factor", "labels", "seeds", "mIoU, %", "thin classes, %")
    return pipes([(*titles, *(title for _, title, _ in MEASURES)), *map(_row, rows)])


def _row(kind: Kind) -> tuple[str, ...]:
    known = (kind["name"], kind["factor"], kind["labels"], str(len(kind["seeds"])))
    qualities = (kind["miou_percent"]["values"], kind["thin_percent"])
    measured = ((kind[key]["values"], digits) for key, _, digits in MEASURES)
    shown = (*((values, 1) for values in qualities), *measured)
    return (*known, *(number(Spread(values=tuple(values)), digits) for values, digits in shown))


def _thin(kind: Kind, names: Sequence[str]) -> list[float]:
    """The mean IoU of these classes, seed by seed."""
    by_class = [kind["iou_percent"][name]["values"] for name in names]
    return [statistics.fmean(seed) for seed in zip(*by_class, strict=True)]


if __name__ == "__main__":
    main()
