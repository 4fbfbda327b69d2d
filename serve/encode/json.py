"""JSON about the mask: pixels and share of each class, the size, and how long every stage took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve.answer import Painted

MEDIA_TYPE = "application/json"
ACCEPT: dict[str, dict[str, str]] = {MEDIA_TYPE: {}}
WANTS_PICTURE = False
CONFIDENCE = "asked"
EXAMPLE = {
    "height": 1,
    "width": 3,
    "classes": [
        {"id": 0, "name": "road", "color": "#804080", "pixels": 3, "share": 1.0},
        {"id": 1, "name": "sky", "color": "#4682b4", "pixels": 0, "share": 0.0},
    ],
    "milliseconds": {"decode": 12.3, "shrink": 1.2, "network": 45.6, "paint": 7.8},
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """It has none."""


def encode(painted: Painted, options: Options) -> bytes:
    """Every class that was asked for, whether it occurs or not; shares are of the whole mask."""
    classes = len(painted.contract.classes)
    flat = painted.mask.ravel()
    pixels = np.bincount(flat, minlength=classes)
    lead = None
    if painted.confidence is not None:
        lead = np.bincount(flat, painted.confidence.ravel(), minlength=classes)
    told = {
        **painted.place(),
        "classes": [_class(painted, number, pixels, lead) for number in painted.shown],
        "milliseconds": {name: round(took, 3) for name, took in painted.milliseconds.items()},
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _class(painted: Painted, number: int, pixels: Any, lead: Any) -> dict[str, Any]:
    count = int(pixels[number])
    told = {**painted.about(number), "pixels": count, "share": count / painted.mask.size}
    if lead is not None:
        told["confidence"] = float(lead[number]) / count if count else None
    return told
