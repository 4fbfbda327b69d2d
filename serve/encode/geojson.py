"""GeoJSON (RFC 7946) in pixels: a polygon for every connected region of a class, holes cut out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.errors import UserError
from kernels.outline import Rings, areas, outline
from kernels.regions import regions
from kernels.simplify import simplify
from serve.answer import Painted, changes, refuse_noise
from serve.parameters import parameter

MEDIA_TYPE = "application/geo+json"
ACCEPT: dict[str, dict[str, str]] = {MEDIA_TYPE: {}}
WANTS_PICTURE = False
CONFIDENCE = "never"
# The text takes some twelve bytes a point, and what reads it many times that.
MOST_POINTS = 2_000_000
# To follow a border takes some hundred bytes a side of a pixel, whatever is left out afterwards.
MOST_SIDES = 4_000_000
COORDINATES = (
    "pixels of the upright picture, not WGS84: x right, y down, pixel (x, y) is the square from "
    "(x, y) to (x+1, y+1)"
)
EXAMPLE = {
    "type": "FeatureCollection",
    "height": 1,
    "width": 3,
    "coordinate_system": COORDINATES,
    "tolerance": 0.0,
    "features": [
        {
            "type": "Feature",
            "properties": {"id": 0, "name": "road", "color": "#804080", "pixels": 3},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[0, 0], [3, 0], [3, 1], [0, 1], [0, 0]]],
            },
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much is left out."""

    tolerance: float = parameter(
        0.0,
        least=0,
        most=100,
        about="leave out points within so many pixels of the outline; 0 gives the mask exactly. "
        "Rings stay valid, but borders that two polygons share may open or overlap by as much",
    )
    least: int = parameter(
        1, least=1, most=2**31, about="leave out regions of fewer pixels than this"
    )


def encode(painted: Painted, options: Options) -> bytes:
    """A FeatureCollection; what its numbers mean is said in the member `coordinate_system`."""
    asked = painted.masked()
    refuse_noise(changes(asked, 0) + changes(asked, 1), MOST_SIDES)
    covered = np.zeros(len(painted.contract.classes), bool)
    covered[list(painted.shown)] = True
    numbers, classes = regions(painted.mask, covered)
    rings = outline(numbers)
    pixels = np.bincount(rings.regions, areas(rings.points, rings.ends)).astype(np.int64) // 2
    rings = _thinned(rings, pixels, painted, options)
    told = {
        "type": "FeatureCollection",
        **painted.place(),
        "coordinate_system": COORDINATES,
        "tolerance": options.tolerance,
    }
    head = json.dumps({**told, "features": []}, ensure_ascii=False)
    return f"{head[:-2]}{','.join(_features(painted, rings, classes, pixels))}]}}".encode()


def _thinned(rings: Rings, pixels: NDArray[np.int64], painted: Painted, options: Options) -> Rings:
    """What is left to be written, refused where it is too much."""
    if options.least > 1:
        rings = _without(rings, pixels < options.least)
    height, width = painted.mask.shape
    rings = simplify(rings, (height, width), options.tolerance)
    if len(rings.points) > MOST_POINTS:
        raise UserError(
            f"the polygons have {len(rings.points)} points; at most {MOST_POINTS} are written",
            hint="give a larger tolerance= or least=, a smaller window=, or ask for ?format=rle, "
            "or png",
        )
    return rings


def _without(rings: Rings, dropped: NDArray[np.bool_]) -> Rings:
    kept = ~dropped[rings.regions]
    sizes = np.diff(rings.ends, prepend=0)
    return Rings(
        points=rings.points[np.repeat(kept, sizes)],
        ends=np.cumsum(sizes[kept]),
        regions=rings.regions[kept],
    )


def _features(
    painted: Painted, rings: Rings, classes: NDArray[np.int64], pixels: NDArray[np.int64]
) -> Iterator[str]:
    """One text a region."""
    heads = [
        json.dumps(painted.about(each), ensure_ascii=False)[:-1]
        for each in range(len(painted.contract.classes))
    ]
    top, left = painted.window[:2] if painted.window else (0, 0)
    points = (rings.points + np.array([left, top], np.int32)).tolist()
    begin, texts = 0, _by_region(rings)
    for region, ends in texts:
        shape = []
        for end in ends:
            shape.append([*points[begin:end], points[begin]])
            begin = end
        yield (
            f'{{"type":"Feature","properties":{heads[classes[region]]},"pixels":{pixels[region]}}},'
            f'"geometry":{{"type":"Polygon","coordinates":{_compact(shape)}}}}}'
        )


def _by_region(rings: Rings) -> Iterator[tuple[int, list[int]]]:
    """Each region and where its rings end."""
    first = np.flatnonzero(np.diff(rings.regions, prepend=0))
    last = [*first[1:], rings.ends.size][: first.size]
    for begin, end in zip(first, last, strict=True):
        yield int(rings.regions[begin]), rings.ends[begin:end].tolist()


def _compact(shape: Any) -> str:
    return json.dumps(shape, separators=(",", ":"))
