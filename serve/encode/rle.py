"""COCO's run lengths of each class that occurs, for pycocotools and what reads its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels import runs
from serve.answer import Painted, changes, refuse_noise
from serve.parameters import parameter

MEDIA_TYPE = "application/json"
ACCEPT: dict[str, dict[str, str]] = {}
WANTS_PICTURE = False
CONFIDENCE = "never"
# Each is told by two counts, which take some fifty bytes on their way to a text.
MOST_CHANGES = 2_000_000
EXAMPLE = {
    "height": 1,
    "width": 3,
    "annotations": [
        {
            "category_id": 0,
            "name": "road",
            "color": "#804080",
            "area": 3,
            "segmentation": {"size": [1, 3], "counts": "03"},
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """As what the counts are written."""

    counts: str = parameter(
        "compressed",
        choices=("compressed", "list"),
        about="COCO's short text, or the plain numbers",
    )


def encode(painted: Painted, options: Options) -> bytes:
    """One annotation a class; `category_id` is the class id of the model, which begins at 0."""
    # Of all classes: they are counted together, and go on from the foot of a column to the next.
    mask = painted.mask
    joints = int(np.count_nonzero(mask[-1, :-1] != mask[0, 1:]))
    refuse_noise(changes(mask, 0) + joints, MOST_CHANGES)
    found = runs.runs(painted.mask, len(painted.contract.classes))
    told = {
        **painted.place(),
        "annotations": [
            _annotation(painted, number, found[number], options)
            for number in painted.shown
            # A class that does not occur is one run of what it is not.
            if found[number].size > 1
        ],
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _annotation(
    painted: Painted, number: int, counts: NDArray[np.int64], options: Options
) -> dict[str, Any]:
    about = painted.about(number)
    short = options.counts == "compressed"
    return {
        "category_id": about.pop("id"),
        **about,
        "area": int(counts[1::2].sum()),
        "segmentation": {
            "size": list(painted.mask.shape),
            "counts": runs.compressed(counts) if short else counts.tolist(),
        },
    }
