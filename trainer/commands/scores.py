"""Prints a score: a table for people, JSON for scripts."""

from __future__ import annotations

import json
import math
from typing import Any


def print_score(score: Any, split: str, as_json: bool, cost: Any = None) -> None:
    """One line a class, and their mean; JSON also says what the training cost."""
    if as_json:
        spent = {"cost": cost.plain()} if cost else {}
        print(json.dumps({"split": split, **score.plain(), **spent}))
        return
    told = zip(score.classes, score.iou, score.boundary_iou, strict=True)
    rows = [*told, ("mean IoU", score.mean_iou, score.mean_boundary_iou)]
    title = f"{split} split, native size"
    width = max(len(title), *(len(name) + 2 for name in score.classes))
    print(f"{title:{width}}{'IoU':>8}{'at boundaries':>16}")
    for name, value, near in rows:
        print(f"  {name:{width - 2}}{_percent(value):>8}{_percent(near):>16}")
    print(f"  {'pixels right':{width - 2}}{_percent(score.accuracy):>8}")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
