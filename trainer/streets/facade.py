"""Flat pictures of house fronts: wall texture, windows, doors and shops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from .colour import Colour, jittered, mixed, picked, scaled
from .stage import Stage
from .texture import Floats, as_image, limited, window, wrapped

_WALLS: tuple[Colour, ...] = (
    (156, 92, 72), (132, 78, 60), (178, 150, 118), (206, 192, 166), (186, 186, 184),
    (120, 122, 126), (150, 164, 182), (128, 150, 176), (214, 204, 176), (176, 134, 104),
    (104, 92, 84), (196, 164, 150), (150, 156, 138), (94, 104, 118), (222, 216, 206),
)  # fmt: skip
_TRIMS: tuple[Colour, ...] = ((226, 222, 212), (196, 190, 178), (90, 84, 80), (150, 140, 128))
_SHOPS: tuple[Colour, ...] = (
    (150, 40, 36), (30, 84, 60), (36, 56, 110), (60, 56, 54), (190, 140, 40), (120, 60, 110),
)  # fmt: skip
_DOORS: tuple[Colour, ...] = ((84, 52, 36), (40, 60, 52), (110, 36, 32), (52, 54, 60))
_LAMP_LIGHT: Colour = (250, 214, 140)
_CURTAIN: Colour = (206, 198, 184)


@dataclass(frozen=True, kw_only=True)
class Facade:
    """Style of a house front; lengths in metres, window sizes as shares of their bay."""

    wall: Colour
    trim: Colour
    glass: Colour
    masonry: str
    storey: float
    bay: float
    window: tuple[float, float]
    shop: Colour | None
    bands: bool
    mullion: bool
    balconies: bool
    plinth: bool


def sample_facade(rng: np.random.Generator, city: float) -> Facade:
    """Draw the style of one house."""
    glazed = rng.random() < 0.18 * city
    wide = (0.86, 0.8) if glazed else (float(rng.uniform(0.34, 0.6)), float(rng.uniform(0.42, 0.6)))
    shop = picked(rng, _SHOPS) if rng.random() < 0.25 + 0.4 * city else None
    return Facade(
        wall=jittered(rng, picked(rng, _WALLS), 16),
        trim=jittered(rng, picked(rng, _TRIMS), 10),
        glass=jittered(rng, (74, 88, 104), 26),
        masonry="panel" if glazed else picked(rng, ("brick", "plaster", "plaster", "panel")),
        storey=float(rng.uniform(2.8, 3.6)),
        bay=float(rng.uniform(1.9, 3.4)),
        window=wide,
        shop=shop,
        bands=rng.random() < 0.5,
        mullion=rng.random() < 0.7,
        balconies=rng.random() < 0.22,
        plinth=rng.random() < 0.5,
    )


class _Board:
    """A picture measured in metres: x from its left end, y up from the pavement."""

    def __init__(self, metres: tuple[float, float], pixels: tuple[int, int], fill: Colour) -> None:
        self.image = Image.new("RGB", pixels, fill)
        self._pen = ImageDraw.Draw(self.image)
        self.metres = metres
        self.across = pixels[0] / metres[0]
        self.up = pixels[1] / metres[1]

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle given by its lower left corner and extent."""
        left, right = round(x * self.across), round((x + width) * self.across) - 1
        top = self.image.height - round((y + height) * self.up)
        bottom = self.image.height - round(y * self.up) - 1
        if right >= left and bottom >= top:
            self._pen.rectangle((left, top, right, bottom), fill=colour)


def paint_facade(
    stage: Stage,
    facade: Facade,
    metres: tuple[float, float],
    pixels: tuple[int, int],
    brightness: float,
) -> Image.Image:
    """Paint a front of the given extent, lit with a brightness."""
    painter = _Painter(stage, facade, metres, pixels, brightness)
    storeys = max(1, int(metres[1] / facade.storey + 0.6))
    for storey in range(storeys):
        painter.storey(storey)
    return painter.textured()


class _Painter:
    """Paints one front storey by storey."""

    def __init__(
        self,
        stage: Stage,
        facade: Facade,
        metres: tuple[float, float],
        pixels: tuple[int, int],
        brightness: float,
    ) -> None:
        self._stage = stage
        self._rng = stage.rng
        self._facade = facade
        self._brightness = brightness
        self._board = _Board(metres, pixels, self._lit(scaled(facade.wall, 1.12)))

    def storey(self, number: int) -> None:
        """Paint a row of windows, or the ground floor."""
        facade, width = self._facade, self._board.metres[0]
        base = number * facade.storey
        if number == 0 and facade.shop is not None:
            self._shop(facade.shop)
            return
        if number and facade.bands:
            self._board.box(0, base - 0.1, width, 0.22, self._lit(facade.trim))
        if number == 0 and facade.plinth:
            self._board.box(0, 0, width, 0.6, self._lit(scaled(facade.wall, 0.72)))
        bays = max(1, round(width / facade.bay))
        door = int(self._rng.integers(bays)) if number == 0 else -1
        for index in range(bays):
            if index == door:
                self._door((index + 0.5) * width / bays)
            else:
                self._window(index * width / bays, base, width / bays)
        if number and facade.balconies:
            for index in range(number % 2, bays, 2):
                self._balcony(index * width / bays, base, width / bays)

    def textured(self) -> Image.Image:
        """The painted front with its drainpipe and the texture of its wall."""
        pipe = self._lit(scaled(self._facade.trim, 0.7))
        self._board.box(0.25, 0, 0.11, self._board.metres[1], pipe)
        shade = as_image(_wall_shade(self._stage, self._facade, self._board))
        return ImageChops.multiply(self._board.image, Image.merge("RGB", (shade, shade, shade)))

    def _lit(self, colour: Colour) -> Colour:
        return self._stage.light.shaded(colour, self._brightness)

    def _window(self, left: float, base: float, bay: float) -> None:
        facade, board = self._facade, self._board
        width, height = bay * facade.window[0], facade.storey * facade.window[1]
        x, y = left + (bay - width) / 2, base + (facade.storey - height) * 0.6
        frame = self._lit(facade.trim)
        board.box(x - 0.1, y - 0.14, width + 0.2, height + 0.26, frame)
        chance = float(self._rng.random())
        glass = self._glass(chance)
        board.box(x, y, width, height, glass)
        board.box(x, y + height * 0.55, width, height * 0.45, scaled(glass, 1.15))
        if chance > 0.75:
            drop = height * float(self._rng.uniform(0.2, 0.9))
            board.box(x, y + height - drop, width, drop, scaled(self._lit(_CURTAIN), 0.7))
        # The reveal throws a thin shade along the upper edge of the pane.
        board.box(x, y + height - 0.12, width, 0.12, scaled(glass, 0.5))
        if facade.mullion:
            board.box(x + width / 2 - 0.04, y, 0.08, height, frame)
        board.box(x - 0.14, y - 0.22, width + 0.28, 0.1, scaled(frame, 0.72))

    def _balcony(self, left: float, base: float, bay: float) -> None:
        colour = self._lit(self._facade.trim)
        self._board.box(left + 0.1, base + 0.05, bay - 0.2, 0.18, scaled(colour, 0.8))
        self._board.box(left + 0.1, base + 0.23, bay - 0.2, 0.85, scaled(colour, 0.55))
        for bar in range(int((bay - 0.2) / 0.22)):
            self._board.box(left + 0.12 + bar * 0.22, base + 0.23, 0.1, 0.85, colour)
        self._board.box(left + 0.1, base + 1.05, bay - 0.2, 0.1, colour)

    def _glass(self, chance: float) -> Colour:
        light = self._stage.light
        if chance < light.lit_windows:
            return _LAMP_LIGHT
        reflection = mixed(self._facade.glass, light.low_sky, 0.5 * chance * chance)
        return scaled(reflection, 0.45 + 0.4 * chance)

    def _door(self, centre: float) -> None:
        colour = self._lit(picked(self._rng, _DOORS))
        self._board.box(centre - 0.65, 0, 1.3, 2.4, self._lit(self._facade.trim))
        self._board.box(centre - 0.52, 0, 1.04, 2.25, colour)
        self._board.box(centre - 0.35, 1.4, 0.7, 0.65, scaled(colour, 0.6))

    def _shop(self, colour: Colour) -> None:
        board, rng = self._board, self._rng
        width, storey = board.metres[0], self._facade.storey
        fascia = self._lit(colour)
        board.box(0, 0, width, storey * 0.98, scaled(fascia, 0.6))
        x = 0.3
        while x < width - 0.8:
            pane = min(float(rng.uniform(1.6, 3.6)), width - 0.3 - x)
            self._shop_window(x, pane)
            x += pane + 0.25
        board.box(0, storey - 0.8, width, 0.65, fascia)
        start = float(rng.uniform(0, width * 0.5))
        for letter in range(int(rng.integers(4, 10))):
            tall = float(rng.uniform(0.25, 0.4))
            board.box(start + letter * 0.42, storey - 0.66, 0.28, tall, scaled(fascia, 2.4))

    def _shop_window(self, x: float, pane: float) -> None:
        rng = self._rng
        glass = scaled(self._glass(float(rng.random())), 0.9)
        self._board.box(x, 0.5, pane, self._facade.storey - 1.3, glass)
        for _ in range(5):
            item = mixed(glass, jittered(rng, picked(rng, _SHOPS), 40), 0.45)
            at = x + (pane - 0.5) * float(rng.random())
            extent = rng.uniform(0.15, 0.7, 2).tolist()
            self._board.box(at, 0.5 + extent[0], extent[0] + 0.1, extent[1], item)


def _wall_shade(stage: Stage, facade: Facade, board: _Board) -> Floats:
    rng, textures = stage.rng, stage.textures
    width, height = board.image.size
    shade = 0.78 + 0.2 * window(textures.cloud, height, width, rng)
    shade += 0.09 * (window(textures.grain, height, width, rng) - 0.5)
    up = (np.arange(height, 0, -1, dtype=np.float32) / board.up)[:, None]
    along = (np.arange(width, dtype=np.float32) / board.across)[None, :]
    # Splashed dirt darkens the foot of every wall.
    shade -= 0.16 * np.exp(-up / 0.8)
    if facade.masonry == "brick" and board.up > 7:
        course = np.floor(up / 0.24)
        shifted = along / 0.6 + 0.5 * (course % 2)
        shade += 0.2 * (wrapped(textures.grain, course, shifted) - 0.5)
        shade -= 0.07 * (((up / 0.24) % 1 < 0.16) | (shifted % 1 < 0.08))
    elif facade.masonry == "panel":
        shade -= 0.1 * (((up / facade.storey) % 1 < 0.02) | ((along / facade.bay) % 1 < 0.02))
    return limited(shade, 0, 1)
