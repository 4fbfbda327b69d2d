"""Laying a flat picture onto a wall that recedes from the camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .camera import Point
from .canvas import Layer
from .classes import Label

Box = tuple[int, int, int, int]


def visible_box(points: Sequence[Point], size: tuple[int, int]) -> Box | None:
    """The pixels around a shape that lie inside the surface, or nothing."""
    across, down = [x for x, _ in points], [y for _, y in points]
    around = (int(min(across)), int(min(down)), int(max(across)) + 2, int(max(down)) + 2)
    return overlap(around, size)


def overlap(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box that lies inside the surface, or nothing."""
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(size[0], box[2]), min(size[1], box[3])
    return (left, top, right, bottom) if right > left and bottom > top else None


def lay_on(layer: Layer, picture: Image.Image, corners: Sequence[Point], label: Label) -> None:
    """Draw a picture so that its corners (clockwise from the top left) meet the given pixels."""
    box = visible_box(corners, layer.size)
    if box is None:
        return
    local = [(x - box[0], y - box[1]) for x, y in corners]
    size = (box[2] - box[0], box[3] - box[1])
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(local, fill=255)
    # Averaging is only worth its time where the picture is enlarged.
    enlarged = size[0] > picture.width or size[1] > picture.height * 1.5
    warped = picture.transform(
        size, Image.Transform.PERSPECTIVE, _homography(local, picture.size),
        Image.Resampling.BILINEAR if enlarged else Image.Resampling.NEAREST,
    )  # fmt: skip
    layer.stamp(warped, mask, (box[0], box[1]), label)


def _homography(corners: Sequence[Point], size: tuple[int, int]) -> list[float]:
    # Bilinear sampling turns black outside the picture, hence the small inset.
    width, height = size[0] - 1.5, size[1] - 1.5
    targets = ((1.0, 1.0), (width, 1.0), (width, height), (1.0, height))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, targets, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return solved
