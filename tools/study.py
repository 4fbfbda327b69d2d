"""Puts what several runs of `trainer compare` found into one table, with the mean of thin classes.

`python tools/study.py 'cross-entropy=a/compare.json' 'jdt=b/compare.json' --thin pole,sign_symbol`:
a row for each factor and label mode of each file. `--json` writes the numbers of all seeds instead;
such a file is read again without a name. `--by-class` prints a row a class, `--by-labels` a column
a label mode. `--plot FILE` draws what is scored with area labels over the arithmetic of a training
crop, `--plot-labels FILE` how far other label modes are ahead of nearest ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kernels.publish import published
from trainer.comparison.group import Spread
from trainer.comparison.plots import COLOURS, MARKERS, PIXELS_AN_INCH, scale
from trainer.comparison.table import number, pipes

Kind = dict[str, Any]
# A measure of compare.json, its title, and the digits that are shown.
MEASURES = (
    ("boundary_miou_percent", "boundary IoU, %", 1),
    ("memory_MB", "memory of a step, MB", 0),
    ("picture_ms", "ms a picture", 1),
    ("training_min", "training, min", 1),
)


SCORED: dict[str, Callable[[Kind], list[float]]] = {
    "mIoU": lambda kind: kind["miou_percent"]["values"],
    "thin classes": lambda kind: kind["thin_percent"],
    "within 3 pixels of a border": lambda kind: kind["boundary_miou_percent"]["values"],
}
NEAREST = "nearest"
# From hard ones to soft ones.
MODES = (NEAREST, "nearest-random", "majority", "bilinear", "bilinear-aa", "area", "full")


def main() -> None:
    """Print the table, or JSON."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("files", nargs="+", metavar="NAME=compare.json|study.json")
    words.add_argument("--thin", default="", help="classes, by commas")
    forms = words.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON, no table")
    forms.add_argument("--by-class", action="store_true", help="print a row a class")
    forms.add_argument("--by-labels", action="store_true", help="print a column a label mode")
    words.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw quality over arithmetic, too"
    )
    words.add_argument(
        "--plot-labels", type=Path, metavar="FILE", help="draw label modes beside nearest, too"
    )
    given = words.parse_args()
    thin = [name for name in given.thin.split(",") if name]
    rows = [row for told in given.files for row in kinds(*told.rpartition("=")[::2], thin)]
    shown = by_class if given.by_class else by_labels if given.by_labels else table
    print(json.dumps(rows, indent=1) if given.json else shown(rows))
    if given.plot:
        plot([row for row in rows if row["labels"] == "area"] or rows, given.plot)
    if given.plot_labels:
        plot_labels(rows, given.plot_labels)


def kinds(name: str, path: str, thin: Sequence[str]) -> list[Kind]:
    """What a comparison found of each of its kinds; nothing of where its data lies."""
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    if not name:
        return list(found)
    return [{"name": name, **kind, "thin_percent": _thin(kind, thin)} for kind in found["kinds"]]


def table(rows: Sequence[Kind]) -> str:
    """For Markdown: mean and sample standard deviation over the seeds."""
    titles = ("", "factor", "labels", "seeds", "mIoU, %", "thin classes, %")
    return pipes([(*titles, *(title for _, title, _ in MEASURES)), *map(_row, rows)])


def by_class(rows: Sequence[Kind]) -> str:
    """For Markdown: the IoU of each class, a column a kind."""
    titles = ("IoU, %", *(f"{kind['name']}, {kind['factor']}, {kind['labels']}" for kind in rows))
    classes = {"all classes": [kind["miou_percent"] for kind in rows]}
    classes |= {
        name: [kind["iou_percent"][name] for kind in rows] for name in rows[0]["iou_percent"]
    }
    lines = [
        (name, *(_number(each["values"]) for each in found)) for name, found in classes.items()
    ]
    return pipes([titles, *lines])


def by_labels(rows: Sequence[Kind]) -> str:
    """For Markdown: what was trained with several label modes, a column a mode, a table a score."""
    groups = {names: each for names, each in _by_mode(rows).items() if len(each) > 1}
    if not groups:
        sys.exit("error: nothing there was trained with several label modes")
    modes = [mode for mode in MODES if any(mode in each for each in groups.values())]
    tables = []
    for title, values in SCORED.items():
        lines = [
            (*names, *(_number(values(each[mode])) if mode in each else "" for mode in modes))
            for names, each in groups.items()
        ]
        tables.append(pipes([(f"{title}, %", "factor", *modes), *lines]))
    return "\n\n".join(tables)


def _by_mode(rows: Sequence[Kind]) -> dict[tuple[str, str], dict[str, Kind]]:
    """What was trained alike but for the labels: by name and factor, then by label mode."""
    groups: dict[tuple[str, str], dict[str, Kind]] = defaultdict(dict)
    for kind in rows:
        name, factor, labels = kind["name"], kind["factor"], kind["labels"]
        if labels in groups[name, factor]:
            sys.exit(f"error: {name}, {factor}, {labels} is there twice")
        groups[name, factor][labels] = kind
    return groups


def plot(rows: Sequence[Kind], path: Path) -> None:
    """All classes, thin ones and boundaries: mean and spread over the arithmetic of a crop."""
    costs = [Spread(values=tuple(kind["crop_GFLOP"]["values"])).mean for kind in rows]
    # What all have in common need not be told of each.
    alike = len({kind["labels"] for kind in rows}) == 1
    told = ("name", "factor") if alike else ("name", "factor", "labels")
    with _panels(path, "IoU at native size (%)") as panels:
        for axes, values in panels:
            for place, (kind, cost) in enumerate(zip(rows, costs, strict=True)):
                name = ", ".join(kind[key] for key in told)
                _marks(axes, [cost], [values(kind)], place, name)
            axes.set(xlabel="GFLOP a training crop")
            scale(axes, costs)


def plot_labels(rows: Sequence[Kind], path: Path) -> None:
    """How far each label mode is ahead of nearest ones, seed by seed, all else being equal."""
    groups = {
        ", ".join(names): each
        for names, each in _by_mode(rows).items()
        if {NEAREST, "area"} <= each.keys()
    }
    others = [mode for mode in MODES[1:] if any(mode in each for each in groups.values())]
    with _panels(path, "ahead of nearest labels (points of IoU)") as panels:
        for axes, values in panels:
            for place, (name, each) in enumerate(groups.items()):
                modes = [mode for mode in others if mode in each]
                ahead = [np.subtract(values(each[mode]), values(each[NEAREST])) for mode in modes]
                # Beside one another, not on top.
                apart = 0.8 * ((place + 0.5) / len(groups) - 0.5)
                _marks(axes, [others.index(mode) + apart for mode in modes], ahead, place, name)
            axes.set_xticks(
                range(len(others)), others, rotation=30, ha="right", rotation_mode="anchor"
            )
            axes.axhline(0, color="0.5", linewidth=1)


@contextmanager
def _panels(path: Path, label: str) -> Iterator[list[tuple[Any, Callable[[Kind], list[float]]]]]:
    """A panel for each thing that is scored; the picture is written when they are filled."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, len(SCORED))
    yield list(zip(panels, SCORED.values(), strict=True))
    for axes, title in zip(panels, SCORED, strict=True):
        axes.set(title=title)
        axes.margins(x=0.15, y=0.15)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(label)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=3, fontsize="small", frameon=False
    )
    with published(path) as draft:
        figure.savefig(draft, format="png", dpi=PIXELS_AN_INCH)


def _marks(
    axes: Any, where: Sequence[float], values: Sequence[Sequence[float]], place: int, name: str
) -> None:
    spreads = [Spread(values=tuple(each)) for each in values]
    axes.errorbar(
        where,
        [spread.mean for spread in spreads],
        yerr=[spread.deviation for spread in spreads],
        color=COLOURS[place % len(COLOURS)],
        marker=MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        linestyle="",
        capsize=3,
        label=name,
    )


def _number(values: Sequence[float], digits: int = 1) -> str:
    return number(Spread(values=tuple(values)), digits)


def _row(kind: Kind) -> tuple[str, ...]:
    known = (kind["name"], kind["factor"], kind["labels"], str(len(kind["seeds"])))
    qualities = (kind["miou_percent"]["values"], kind["thin_percent"])
    measured = ((kind[key]["values"], digits) for key, _, digits in MEASURES)
    shown = (*((values, 1) for values in qualities), *measured)
    return (*known, *(_number(values, digits) for values, digits in shown))


def _thin(kind: Kind, names: Sequence[str]) -> list[float]:
    """The mean IoU of these classes, seed by seed."""
    by_class = [kind["iou_percent"][name]["values"] for name in names]
    return [statistics.fmean(seed) for seed in zip(*by_class, strict=True)]


if __name__ == "__main__":
    main()
