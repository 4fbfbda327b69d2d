"""Shadows on the ground, collected before anything stands on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .camera import NEAREST, Camera, Point
from .light import Light

_DISC_CORNERS = 10


class Shadows:
    """Two grey maps of finished size: sunlight kept off the ground, and dim contact shadows."""

    def __init__(self, camera: Camera, light: Light) -> None:
        size = (camera.width // 2, camera.height // 2)
        self._camera = camera
        self._light = light
        self._sun = Image.new("L", size, 255)
        self._contact = Image.new("L", size, 255)
        self._sun_pen = ImageDraw.Draw(self._sun)
        self._contact_pen = ImageDraw.Draw(self._contact)
        self._sun_shade = round(255 * light.ambient / (light.ambient + light.sun * 0.9))

    def contact(self, x: float, z: float, half_x: float, half_z: float, shade: float = 0.5) -> None:
        """Dim the ground right below a thing; `shade` is the share of light that remains."""
        self._contact_pen.polygon(
            [self._pixel(x + half_x * a, z + half_z * b) for a, b in _circle()],
            fill=round(shade * 255),
        )

    def column(self, x: float, z: float, half_width: float, top: float) -> None:
        """Shadow of something narrow and upright."""
        self._shadow([(x - half_width, z), (x + half_width, z)], top)

    def ball(self, x: float, z: float, height: float, radius: float) -> None:
        """Shadow of a round thing in the air, such as a crown."""
        x, z = self._moved((x, z), height)
        points = [self._pixel(x + radius * a, z + radius * b) for a, b in _circle()]
        self._sun_pen.polygon(points, fill=self._sun_shade)

    def block(self, corners: Sequence[Point], top: float) -> None:
        """Shadow of a box with the given footprint."""
        for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
            self._shadow([start, end], top)

    def merged(self, softness: float) -> Image.Image:
        """All shadows as one grey map, with soft edges; `softness` in finished pixels."""
        sun = self._sun.filter(ImageFilter.BoxBlur(softness))
        contact = self._contact.filter(ImageFilter.BoxBlur(softness * 2))
        return ImageChops.multiply(sun, contact)

    def _shadow(self, edge: Sequence[Point], top: float) -> None:
        high = [self._moved(point, top) for point in reversed(edge)]
        points = [self._pixel(x, z) for x, z in [*edge, *high]]
        self._sun_pen.polygon(points, fill=self._sun_shade)

    def _moved(self, point: Point, height: float) -> Point:
        x, y, z = self._light.towards_sun
        return point[0] - x / y * height, point[1] - z / y * height

    def _pixel(self, x: float, z: float) -> Point:
        u, v = self._camera.project(x, 0.0, max(z, NEAREST))
        return u / 2, v / 2


def _circle() -> list[Point]:
    step = 2 * math.pi / _DISC_CORNERS
    return [(math.cos(k * step), math.sin(k * step)) for k in range(_DISC_CORNERS)]
