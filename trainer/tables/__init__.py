"""Class names and colours as their publishers give them; one CSV a data set."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kernels.contract import Colour


@dataclass(frozen=True, kw_only=True)
class Row:
    """A class as published; not every one has a colour."""

    id: int
    name: str
    colour: Colour | None


@cache
def read(name: str) -> tuple[Row, ...]:
    """The rows of NAME.csv, in their order."""
    with Path(__file__).with_name(f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_row(line) for line in csv.DictReader(file))


def _row(line: dict[str, str]) -> Row:
    colour = (int(line["red"]), int(line["green"]), int(line["blue"])) if line["red"] else None
    return Row(id=int(line["id"]), name=line["name"], colour=colour)
