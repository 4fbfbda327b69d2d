"""Photo and labels drawn together, so that they agree to the pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .camera import Point
from .classes import Label
from .colour import Colour, mixed

# Drawing happens at twice the finished size; halving it gives smooth edges.
OVERSAMPLING = 2


class Canvas:
    """The drawing surface of one picture; things are drawn from far to near through layers."""

    def __init__(self, width: int, height: int, haze: Colour, visibility: float) -> None:
        size = (width * OVERSAMPLING, height * OVERSAMPLING)
        self.photo = Image.new("RGB", size)
        self.labels = Image.new("L", size, int(Label.SKY))
        self._haze = haze
        self._visibility = visibility

    def at(self, depth: float) -> Layer:
        """A layer whose colours fade into the haze as the distance asks."""
        return Layer(self, self._haze, 1 - math.exp(-depth / self._visibility))

    def finished(self) -> tuple[Image.Image, NDArray[np.uint8]]:
        """The photo averaged and the labels voted down to the finished size."""
        return self.photo.reduce(OVERSAMPLING), _voted(np.asarray(self.labels))


class Layer:
    """Drawing tools for one distance; without a label only the photo changes."""

    def __init__(self, canvas: Canvas, haze: Colour, haze_share: float) -> None:
        self._canvas = canvas
        self._haze = haze
        self._share = haze_share
        self._photo = ImageDraw.Draw(canvas.photo)
        self._labels = ImageDraw.Draw(canvas.labels)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the drawing surface."""
        return self._canvas.photo.size

    def hazed(self, colour: Colour) -> Colour:
        """The colour as it looks from the camera."""
        return mixed(colour, self._haze, self._share)

    def polygon(self, points: Sequence[Point], colour: Colour, label: Label | None = None) -> None:
        """Fill an outline."""
        self._photo.polygon(points, fill=self.hazed(colour))
        if label is not None:
            self._labels.polygon(points, fill=int(label))

    def line(
        self, points: Sequence[Point], width: int, colour: Colour, label: Label | None = None
    ) -> None:
        """Draw a line of a width in drawing pixels."""
        self._photo.line(points, fill=self.hazed(colour), width=width)
        if label is not None:
            self._labels.line(points, fill=int(label), width=width)

    def disc(self, centre: Point, radii: Point, colour: Colour, label: Label | None = None) -> None:
        """Fill an upright ellipse."""
        box = _around(centre, radii)
        self._photo.ellipse(box, fill=self.hazed(colour))
        if label is not None:
            self._labels.ellipse(box, fill=int(label))

    def ring(self, centre: Point, radii: Point, width: int, colour: Colour, label: Label) -> None:
        """Draw the rim of an upright ellipse."""
        box = _around(centre, radii)
        self._photo.ellipse(box, outline=self.hazed(colour), width=width)
        self._labels.ellipse(box, outline=int(label), width=width)

    def stamp(
        self, picture: Image.Image, mask: Image.Image, corner: tuple[int, int], label: Label
    ) -> None:
        """Lay a picture over photo and labels wherever the mask (0 or 255) is set."""
        veil = Image.new("RGB", picture.size, self._haze)
        self._canvas.photo.paste(Image.blend(picture, veil, self._share), corner, mask)
        self._canvas.labels.paste(int(label), corner, mask)


def _around(centre: Point, radii: Point) -> tuple[float, float, float, float]:
    return (
        centre[0] - radii[0],
        centre[1] - radii[1],
        centre[0] + radii[0],
        centre[1] + radii[1],
    )


def _voted(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # The class with most of the four parts wins, and the thinner one wins a tie: a line as wide as
    # one finished pixel therefore always survives. Sorting the parts puts equal ones side by side.
    a, b = labels[0::2, 0::2], labels[0::2, 1::2]
    c, d = labels[1::2, 0::2], labels[1::2, 1::2]
    low_ab, high_ab = np.minimum(a, b), np.maximum(a, b)
    low_cd, high_cd = np.minimum(c, d), np.maximum(c, d)
    first, last = np.minimum(low_ab, low_cd), np.maximum(high_ab, high_cd)
    inner_a, inner_b = np.maximum(low_ab, low_cd), np.minimum(high_ab, high_cd)
    second, third = np.minimum(inner_a, inner_b), np.maximum(inner_a, inner_b)
    pair = np.where(second == third, second, np.where(first == second, first, last))
    return np.where(third == last, last, pair).astype(np.uint8)
