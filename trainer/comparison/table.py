"""The comparison as a table for people: Markdown that also reads well in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainer.comparison.cell import Failure
from trainer.comparison.group import COSTS, FURTHER, QUALITIES, Group, Measure, Spread, ratios

Row = tuple[str, ...]


def table(found: Sequence[Group]) -> list[Row]:
    """A column a kind; the first row says which."""
    return [
        ("mean ± deviation of seeds", *(group.kind.title for group in found)),
        *(_measured(measure, found) for measure in (*QUALITIES, *COSTS, *FURTHER)),
        ("seeds", *(str(len(group.results)) for group in found)),
    ]


def class_table(found: Sequence[Group]) -> list[Row]:
    """IoU of each class: a row a class, a column a kind."""
    by_class = [group.by_class() for group in found]
    return [
        ("IoU, %", *(group.kind.title for group in found)),
        *((name, *(number(each[name], 1) for each in by_class)) for name in by_class[0]),
    ]


def _measured(measure: Measure, found: Sequence[Group]) -> Row:
    values = (number(group.spread(measure), measure.digits) for group in found)
    return (f"{measure.title}, {measure.unit}", *values)


def number(spread: Spread, digits: int) -> str:
    """'53.5 ± 1.8', or '53.5' of one seed, or '-' where nothing was measured."""
    if math.isnan(spread.mean):
        return "-"
    mean = f"{spread.mean:.{digits}f}"
    # What is counted and not measured has no spread.
    return mean if not spread.deviation > 0 else f"{mean} ± {spread.deviation:.{digits}f}"


def markdown(found: Sequence[Group], failures: Sequence[Failure], facts: Sequence[str]) -> str:
    """All there is to say, in one text."""
    parts = ["\n".join(facts)]
    if found:
        parts += [pipes(table(found)), pipes(class_table(found))]
        parts += ["\n".join(f"- {ratio.told()}" for ratio in ratios(found))]
    if failures:
        rows = [("failed", "error"), *((f.cell.title, f.message) for f in failures)]
        parts += [pipes(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def pipes(rows: Sequence[Row]) -> str:
    """Rows as a table of Markdown, its columns aligned."""
    clean = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    first, *rest = (_line(row, widths) for row in clean)
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([first, f"|{rule}|", *rest])


def _line(row: Row, widths: Sequence[int]) -> str:
    numbers = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
    return f"| {' | '.join([f'{row[0]:{widths[0]}}', *numbers])} |"
