"""The bodies of cars: solids built from a side view, drawn face by face."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from .camera import Point
from .canvas import Layer
from .car_shapes import TUMBLEHOME, Body
from .classes import Label
from .colour import Colour, mixed, scaled
from .light import Vector
from .stage import Stage

_TYRE: Colour = (30, 30, 32)
_HUB: Colour = (150, 152, 154)
_CIRCLE: tuple[Point, ...] = tuple(
    (math.cos(math.pi / 7 * corner), math.sin(math.pi / 7 * corner)) for corner in range(14)
)


class BodyPainter:
    """Draws one body."""

    def __init__(self, stage: Stage, body: Body) -> None:
        self._stage = stage
        self._body = body
        self._shape = body.shape
        self._layer: Layer = stage.canvas.at(body.z)
        eye = stage.camera.eye_height
        self._view = (stage.camera.offset(body.x, body.z), 0.7 - eye, body.z)
        sine, cosine = math.sin(body.heading), math.cos(body.heading)
        self._right: Vector = (cosine, 0.0, -sine)
        self._ahead: Vector = (sine, 0.0, cosine)

    def draw(self) -> None:
        """Underside and wheels, then the faces that look at the camera, far ones first."""
        shape = self._shape
        self._underside()
        spans = list(range(len(shape.hood) - 1))
        # From the camera's end of the car the other end is drawn first.
        seen_from_tail = self._seen(_times(self._ahead, -1))
        for index in reversed(spans) if seen_from_tail else spans:
            self._span(index)
        for side in (-1, 1):
            if self._seen(_times(self._right, side)):
                self._side(side)
        self._lamps(tail=seen_from_tail)

    def _seen(self, normal: Vector) -> bool:
        return sum(a * b for a, b in zip(normal, self._view, strict=True)) < 0

    def _lit(self, colour: Colour, normal: Vector) -> Colour:
        # Polished paint always mirrors some sky.
        return self._stage.light.shaded(colour, 0.12 + 0.95 * self._stage.light.on(normal))

    def _pixels(self, points: Sequence[Vector]) -> list[Point]:
        return [self._stage.camera.project(*point) for point in points]

    def _half_width(self, index: int) -> float:
        first, last = self._shape.cabin
        inner = first < index < last
        return 0.5 - (TUMBLEHOME / self._shape.width if inner else 0.0)

    def _underside(self) -> None:
        place, shape = self._body.place, self._shape
        for along in shape.axles:
            for side in (-1, 1):
                tyre = [
                    place(side * 0.48, along, 0.0), place(side * 0.37, along, 0.0),
                    place(side * 0.37, along, 0.5), place(side * 0.48, along, 0.5),
                ]  # fmt: skip
                self._layer.polygon(self._pixels(tyre), _TYRE, Label.CAR)
        floor = [
            place(side * 0.42, along, 0.2)
            for side, along in ((-1, 0.03), (1, 0.03), (1, 0.97), (-1, 0.97))
        ]
        self._layer.polygon(self._pixels(floor), (16, 16, 18), Label.CAR)

    def _span(self, index: int) -> None:
        (t0, y0), (t1, y1) = self._shape.hood[index], self._shape.hood[index + 1]
        rise, run = y1 - y0, (t1 - t0) * self._shape.length
        length = math.hypot(rise, run) or 1.0
        ahead = _times(self._ahead, -rise / length)
        normal = (ahead[0], run / length, ahead[2])
        if not self._seen_at(normal, (y0 + y1) / 2):
            return
        wide0, wide1 = self._half_width(index), self._half_width(index + 1)
        place = self._body.place
        corners = [
            place(-wide0, t0, y0), place(wide0, t0, y0), place(wide1, t1, y1), place(-wide1, t1, y1)
        ]  # fmt: skip
        body = self._lit(self._body.paint, normal)
        self._layer.polygon(self._pixels(corners), body, Label.CAR)
        if self._is_glass(index):
            pane = [
                place(side * wide * 0.88, t0 + (t1 - t0) * share, y0 + (y1 - y0) * share)
                for side, wide, share in (
                    (-1, wide0, 0.1), (1, wide0, 0.1), (1, wide1, 0.92), (-1, wide1, 0.92),
                )
            ]  # fmt: skip
            self._layer.polygon(self._pixels(pane), self._glass(0.16))
            # The sky mirrors in a slanted part of the pane.
            gleam = [
                _between(pane[0], pane[1], 0.55), _between(pane[0], pane[1], 0.8),
                _between(pane[3], pane[2], 0.95), _between(pane[3], pane[2], 0.7),
            ]  # fmt: skip
            self._layer.polygon(self._pixels(gleam), self._glass(0.34))
        elif y1 < y0 or t0 > 0.9 or t1 < 0.1:
            self._bumper(index, corners, body)

    def _seen_at(self, normal: Vector, height: float) -> bool:
        view = (self._view[0], height - self._stage.camera.eye_height, self._view[2])
        return sum(a * b for a, b in zip(normal, view, strict=True)) < 0

    def _is_glass(self, index: int) -> bool:
        first, last = self._shape.cabin
        steep = abs(self._shape.hood[index + 1][1] - self._shape.hood[index][1]) > 0.25
        inside = first <= index < last and steep
        return inside and (self._shape.glass_rear or index > (first + last) / 2)

    def _glass(self, sky_share: float) -> Colour:
        light = self._stage.light
        return mixed(light.shaded((34, 40, 46), 0.9), light.low_sky, sky_share)

    def _bumper(self, index: int, corners: Sequence[Vector], body: Colour) -> None:
        last = len(self._shape.hood) - 2
        if index in (0, last):
            low = [_between(corners[0], corners[3], share) for share in (0.0, 0.35)]
            high = [_between(corners[1], corners[2], share) for share in (0.0, 0.35)]
            if index == last:
                low = [_between(corners[0], corners[3], share) for share in (0.55, 1.0)]
                high = [_between(corners[1], corners[2], share) for share in (0.55, 1.0)]
            strip = self._pixels([low[0], high[0], high[1], low[1]])
            self._layer.polygon(strip, scaled(body, 0.55))

    def _side(self, side: int) -> None:
        place, shape = self._body.place, self._shape
        first, last = shape.cabin
        normal = _times(self._right, side)
        body = self._lit(self._body.paint, normal)
        lower = [*shape.hood[: first + 1], *shape.hood[last:]]
        outline = self._pixels([place(side * 0.5, t, y) for t, y in lower])
        self._layer.polygon(outline, body, Label.CAR)
        inner = 0.5 - TUMBLEHOME / shape.width
        cabin = [
            place(side * (0.5 if index in (first, last) else inner), *shape.hood[index])
            for index in range(first, last + 1)
        ]
        self._layer.polygon(self._pixels(cabin), scaled(body, 1.04), Label.CAR)
        self._side_windows(side)
        sill = [(0.04, 0.3), (0.96, 0.3), (0.96, 0.42), (0.04, 0.42)]
        self._layer.polygon(
            self._pixels([place(side * 0.5, t, y) for t, y in sill]), scaled(body, 0.62)
        )
        self._doors(side, scaled(body, 0.6), base=lower[-1][1])
        for along in shape.axles:
            self._wheel(side, along)

    def _doors(self, side: int, colour: Colour, *, base: float) -> None:
        if self._stage.camera.scale(self._body.z) < 60:
            return
        place, shape = self._body.place, self._shape
        belt = shape.hood[shape.cabin[1]][1]
        for along in (*shape.pillars, shape.hood[shape.cabin[1]][0] - 0.02):
            seam = [place(side * 0.5, along, base + 0.1), place(side * 0.5, along, belt)]
            self._layer.line(self._pixels(seam), 2, colour)
            handle = [
                place(side * 0.5, along - 0.05, belt - 0.1),
                place(side * 0.5, along - 0.02, belt - 0.1),
            ]
            self._layer.line(self._pixels(handle), 2, colour)

    def _side_windows(self, side: int) -> None:
        place, shape = self._body.place, self._shape
        first, last = shape.cabin
        base = max(shape.hood[first][1], shape.hood[last][1]) + 0.03
        top = max(y for _, y in shape.hood) - 0.1
        edges = [shape.hood[first][0] + 0.05, *shape.pillars, shape.hood[last][0] - 0.05]
        roof_from, roof_to = shape.hood[first + 1][0] + 0.03, shape.hood[last - 1][0] - 0.01
        panes = list(itertools.pairwise(edges))
        if not shape.glass_rear:
            panes = panes[-1:]
        inner = 0.5 - TUMBLEHOME * 0.9 / shape.width
        for left, right in panes:
            low_left, low_right = left + 0.012, right - 0.012
            high_left, high_right = max(low_left, roof_from), min(low_right, roof_to)
            if high_right <= high_left:
                continue
            pane = [
                place(side * 0.5, low_left, base), place(side * inner, high_left, top),
                place(side * inner, high_right, top), place(side * 0.5, low_right, base),
            ]  # fmt: skip
            self._layer.polygon(self._pixels(pane), self._glass(0.12))

    def _wheel(self, side: int, along: float) -> None:
        shape = self._shape
        for size, colour in ((1.16, (20, 20, 22)), (1.0, _TYRE), (0.62, _HUB), (0.3, (70, 70, 72))):
            radius = shape.wheel * size
            centre = shape.wheel if size <= 1.0 else shape.wheel + 0.03
            rim = [
                self._body.place(
                    side * 0.505,
                    along + radius * right / shape.length,
                    max(0.0, centre + radius * up),
                )
                for right, up in _CIRCLE
            ]
            label = Label.CAR if size == 1.0 else None
            self._layer.polygon(self._pixels(rim), colour, label)

    def _lamps(self, *, tail: bool) -> None:
        shape = self._shape
        end = 0.0 if tail else 1.0
        body_top = shape.hood[1][1] if tail else shape.hood[-2][1]
        colour: Colour = (214, 44, 34) if self._body.braking else (134, 24, 22)
        colour = colour if tail else (232, 230, 216)
        tall = 0.16 if tail else 0.13
        place = self._body.place
        for side in (-1, 1):
            lamp = [
                place(side * across, end, y)
                for across, y in (
                    (0.48, body_top - 0.04), (0.31, body_top - 0.04),
                    (0.31, body_top - 0.04 - tall), (0.48, body_top - 0.04 - tall),
                )
            ]  # fmt: skip
            self._layer.polygon(self._pixels(lamp), colour)
        plate_y = 0.56 if tail else 0.4
        plate = [
            place(across, end, y)
            for across, y in (
                (-0.14, plate_y), (0.14, plate_y), (0.14, plate_y + 0.11), (-0.14, plate_y + 0.11),
            )
        ]  # fmt: skip
        self._layer.polygon(self._pixels(plate), (214, 212, 200))


def _times(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _between(start: Vector, end: Vector, share: float) -> Vector:
    return (
        start[0] + (end[0] - start[0]) * share,
        start[1] + (end[1] - start[1]) * share,
        start[2] + (end[2] - start[2]) * share,
    )
