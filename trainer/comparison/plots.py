"""The comparison as pictures: quality against cost, and every class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernels.publish import published
from trainer.comparison.group import COSTS, QUALITIES, Group, Measure

# Okabe and Ito's colours, which people who see fewer colours also tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
PANEL = 3.4  # inches
PIXELS_AN_INCH = 120
# Costs that many times apart are shown on a logarithmic scale; less than NARROW wants more ticks.
LEAST_RATIO, NARROW = 2.0, 8.0
# How much of the way to white the palest bars go.
PALEST = 0.7


def quality(found: Sequence[Group], path: Path) -> None:
    """mIoU and boundary IoU over each cost that was measured; a line a label mode."""
    from matplotlib.figure import Figure

    costs = [cost for cost in COSTS if _is_measured(cost, found)]
    if not costs:
        return
    size = (PANEL * len(costs) + 0.4, 2 * PANEL * 0.85)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(QUALITIES), len(costs), squeeze=False, sharex="col", sharey="row")
    for row, (axes, measure) in enumerate(zip(grid, QUALITIES, strict=True)):
        for column, (panel, cost) in enumerate(zip(axes, costs, strict=True)):
            _scatter(panel, found, cost, measure)
            if row == len(QUALITIES) - 1:
                panel.set_xlabel(f"{cost.title} ({cost.unit})")
            if column == 0:
                panel.set_ylabel(f"{measure.title} at native size (%)")
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=7, frameon=False)
    _save(figure, path)


def _is_measured(measure: Measure, found: Sequence[Group]) -> bool:
    return any(group.spread(measure).values for group in found)


def _scatter(panel: Any, found: Sequence[Group], cost: Measure, measure: Measure) -> None:
    for place, mode in enumerate(_modes(found)):
        of_mode = sorted(
            (group for group in found if group.kind.labels == mode), key=lambda g: g.kind.factor
        )
        across = [group.spread(cost) for group in of_mode]
        up = [group.spread(measure) for group in of_mode]
        panel.errorbar(
            *([spread.mean for spread in of] for of in (across, up)),
            # Of one seed it is NaN, and no bar is drawn.
            xerr=[spread.deviation for spread in across],
            yerr=[spread.deviation for spread in up],
            **_style(place),
            capsize=3,
            label=f"labels {mode}",
        )
        for group, x, y in zip(of_mode, across, up, strict=True):
            _name(panel, str(group.kind.factor), x.mean, y.mean, place)
    scale(panel, [group.spread(cost).mean for group in found])
    panel.margins(x=0.15, y=0.2)
    panel.grid(alpha=0.3, which="major")
    panel.spines[["top", "right"]].set_visible(False)


def _modes(found: Sequence[Group]) -> list[str]:
    return list(dict.fromkeys(group.kind.labels for group in found))


def _style(place: int) -> dict[str, Any]:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linewidth": 1,
        "markersize": 6,
    }


def _name(panel: Any, text: str, x: float, y: float, place: int) -> None:
    # Lines rise to the right, and the modes of one factor lie close together: there is room above
    # on the left and below on the right.
    offset, side = ((-6, 5), "right") if place % 2 == 0 else ((6, -13), "left")
    panel.annotate(
        text,
        (x, y),
        xytext=offset,
        textcoords="offset points",
        horizontalalignment=side,
        fontsize=9,
        color=COLOURS[place % len(COLOURS)],
    )


def scale(panel: Any, costs: Sequence[float]) -> None:
    """Costs grow with the square of what is seen: shown even where they are far apart."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    known = [cost for cost in costs if cost > 0]
    if not known or max(known) < LEAST_RATIO * min(known):
        return
    panel.set_xscale("log")
    is_narrow = max(known) < NARROW * min(known)
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7) if is_narrow else (1, 2, 5)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def classes(found: Sequence[Group], path: Path) -> None:
    """The IoU of every class, a bar a kind: a colour a label mode, paler the smaller the factor."""
    from matplotlib.figure import Figure

    names = list(found[0].by_class())
    thick = 0.8 / len(found)
    height = 1.2 + len(names) * max(0.3, 0.12 * len(found))
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    for place, group in enumerate(found):
        spreads = group.by_class()
        axes.barh(
            np.arange(len(names)) + (place - (len(found) - 1) / 2) * thick,
            [spreads[name].mean for name in names],
            thick,
            xerr=[spreads[name].deviation for name in names],
            color=_shade(group, found),
            error_kw={"elinewidth": 1, "capsize": 2},
            label=group.kind.title,
        )
    axes.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 100))
    axes.set_xlabel("IoU at native size (%)")
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    columns = len({group.kind.factor for group in found})
    figure.legend(loc="outside upper center", ncols=columns, frameon=False)
    _save(figure, path)


def _shade(group: Group, found: Sequence[Group]) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    factors = sorted({other.kind.factor for other in found}, reverse=True)
    paler = PALEST * factors.index(group.kind.factor) / max(1, len(factors) - 1)
    colour = COLOURS[_modes(found).index(group.kind.labels) % len(COLOURS)]
    return tuple(channel + (1 - channel) * paler for channel in to_rgb(colour))


def _save(figure: Any, path: Path) -> None:
    with published(path) as draft:
        figure.savefig(draft, format="png", dpi=PIXELS_AN_INCH)
