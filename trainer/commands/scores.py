"""Prints a score: a table for people, JSON for scripts."""

from __future__ import annotations

import json
import math
from typing import Any


def print_score(score: Any, split: str, as_json: bool) -> None:
    """One line a class, and their mean."""
    if as_json:
        print(json.dumps({"split": split, **score.plain()}))
        return
    print(f"{split} split, native size")
    for name, value in zip(score.classes, score.iou, strict=True):
        print(f"  {name:20} {'   -' if math.isnan(value) else f'{100 * value:5.1f}'}")
    print(f"  {'mean IoU':20} {100 * score.mean_iou:5.1f}")
    print(f"  {'pixels right':20} {100 * score.accuracy:5.1f}")
