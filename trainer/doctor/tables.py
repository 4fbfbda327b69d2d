"""Prints a report for a person: tables on stdout, in colour where the terminal has it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.doctor import numbers
from trainer.doctor.ceiling import KEPT_OF_EACH, RULE, Ceiling, recommended
from trainer.doctor.finding import ERROR, NOTE, WARNING, Finding
from trainer.doctor.narrow import SIDES
from trainer.doctor.numbers import Size
from trainer.doctor.report import Report

STYLES = {ERROR: "bold red", WARNING: "bold yellow", NOTE: "bold blue"}
PLAIN_WIDTH = 100
SHOWN = 3
LOST = "*"


def show(report: Report) -> None:
    """The numbers, the ceilings, the findings, in this order: the end is what is seen first."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    if report.looks:
        _titled(console, report.data, _splits(report))
    if any(look.pixels is not None for look in report.looks):
        title = "classes: share of labelled pixels, pictures, share that is thinner than so many px"
        _titled(console, title, _classes(report))
    if report.ceilings:
        title = f"what each factor keeps of the labels themselves: IoU % of {report.measured} pairs"
        _titled(console, title, _ceilings(report))
        console.print(_advice(report.ceilings), end="\n\n")
    _findings(console, report.findings)


def _titled(console: Console, title: str, table: Table) -> None:
    _say(console, f"[bold]{escape(title)}[/]")
    console.print(table)
    console.print()


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 2), header_style="dim")
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    return table


def _splits(report: Report) -> Table:
    table = _table("split", "pairs", "sound", "sizes", "smallest", "median", "largest", "void")
    for split in numbers.splits(report.looks, report.dataset):
        table.add_row(
            split.name,
            str(split.pairs),
            str(split.sound),
            str(split.sizes),
            *map(_by, (split.smallest, split.median, split.largest)),
            _percent(split.void),
        )
    return table


def _classes(report: Report) -> Table:
    names = [*report.dataset.splits]
    thin = [f"< {side} px" for side in SIDES]
    table = _table("class", *(f"{name} %" for name in names), "pictures", *thin)
    for each in numbers.classes(report.looks, report.dataset):
        table.add_row(
            escape(each.name),
            *(f"{100 * each.pixels[name]:.2f}" for name in names),
            str(sum(each.pictures.values())),
            *(f"{100 * share:.0f} %" for share in each.narrow.values()),
        )
    return table


def _ceilings(report: Report) -> Table:
    table = _table("factor", *(f"{each.factor} " for each in report.ceilings))
    for name, values in (
        ("mean IoU", [each.soft.mean_iou for each in report.ceilings]),
        ("mean IoU at boundaries", [each.soft.mean_boundary_iou for each in report.ceilings]),
        ("mean IoU, one class a cell", [each.hard.mean_iou for each in report.ceilings]),
    ):
        table.add_row(name, *map(_kept, values), style="bold")
    for index, name in enumerate(report.dataset.classes):
        values = [float(each.soft.iou[index]) for each in report.ceilings]
        table.add_row(escape(name), *map(_marked, values))
    return table


def _advice(found: Sequence[Ceiling]) -> str:
    """The recommended factor, and what the next smaller one would lose."""
    best = recommended(tuple(found))
    lines = [f"[bold]start with --factor {best}[/]: {RULE}"]
    smaller = next((each for each in found if each.factor < best), None)
    if smaller is not None:
        lost = smaller.lost()
        told = ", ".join(f"{escape(name)} ({100 * iou:.0f})" for name, iou in lost.items())
        what = f"loses {told}" if lost else "loses no class"
        kept = f"{100 * smaller.soft.mean_iou:.1f} of the mean IoU"
        lines.append(f"{smaller.factor} would keep {kept} and {what}")
    if any(each.lost() for each in found):
        lines.append(f"{LOST} less than {100 * KEPT_OF_EACH:.0f} is left: lost")
    return "\n".join(lines)


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    root = _root(findings)
    for found in findings:
        many = f" ({len(found.places)})" if len(found.places) > 1 else ""
        style = STYLES[found.severity]
        _say(console, f"[{style}]{found.severity}[/]: {escape(found.what)}{many}")
        for place in found.places[:SHOWN]:
            path = os.path.relpath(place.path, root) if root else str(place.path)
            detail = f": {place.detail}" if place.detail else ""
            _say(console, f"  {escape(path + detail)}")
        if len(found.places) > SHOWN:
            _say(console, f"  and {len(found.places) - SHOWN} more")
        if found.hint:
            _say(console, f"  [dim]hint:[/] {escape(found.hint)}")
    counts = [
        f"{count} {severity}{'s' if count != 1 else ''}"
        for severity in STYLES
        if (count := sum(found.severity == severity for found in findings))
    ]
    _say(console, ", ".join(counts) if counts else "nothing found to complain about")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True)


def _root(findings: Sequence[Finding]) -> Path | None:
    """The folder that all files are in, not to repeat it in every line."""
    paths = [place.path for found in findings for place in found.places]
    if not paths:
        return None
    return Path(os.path.commonpath([path.parent for path in paths]))


def _by(size: Size | None) -> str:
    return "-" if size is None else f"{size[1]}x{size[0]}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _kept(value: float) -> str:
    return "- " if math.isnan(value) else f"{100 * value:.1f} "


def _marked(value: float) -> str:
    """A class's IoU, marked where too little of it is left."""
    if math.isnan(value) or value >= KEPT_OF_EACH:
        return _kept(value)
    return f"[red]{100 * value:.1f}{LOST}[/]"
