"""Noise that tiles: the raw material of clouds, asphalt, plaster and brick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Side of a tile; a power of two, so that wrapping an index is a bit mask.
TILE = 512

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Textures:
    """Tiles in 0..1 shared by all surfaces of a scene.

    `cloud` is soft, `grain` differs from pixel to pixel, `leaf` has spots of a few pixels.
    """

    cloud: Floats
    grain: Floats
    leaf: Floats


def make_textures(rng: np.random.Generator) -> Textures:
    """Draw the noise tiles of one scene."""
    return Textures(
        cloud=_fractal(rng, coarsest=4, octaves=6),
        grain=rng.random((TILE, TILE), dtype=np.float32),
        leaf=_fractal(rng, coarsest=64, octaves=3),
    )


def wrapped(tile: Floats, rows: Floats, columns: Floats) -> Floats:
    """Read a tile at any coordinates, as if it repeated for ever."""
    mask = TILE - 1
    picked: Floats = tile[rows.astype(np.int32) & mask, columns.astype(np.int32) & mask]
    return picked


def window(tile: Floats, height: int, width: int, rng: np.random.Generator) -> Floats:
    """A rectangle of a repeated tile, from a random corner."""
    top, left = rng.integers(TILE, size=2).tolist()
    rows = np.arange(top, top + height) & (TILE - 1)
    columns = np.arange(left, left + width) & (TILE - 1)
    part: Floats = tile[rows][:, columns]
    return part


def limited(values: Floats, low: float, high: float) -> Floats:
    """The values kept between two bounds."""
    kept: Floats = np.clip(values, np.float32(low), np.float32(high))
    return kept


def as_image(values: Floats) -> Image.Image:
    """A grey picture from values in 0..1."""
    return Image.fromarray(np.clip(values * 255, 0, 255).astype(np.uint8))


def _fractal(rng: np.random.Generator, *, coarsest: int, octaves: int) -> Floats:
    total = np.zeros((TILE, TILE), dtype=np.float32)
    for octave in range(octaves):
        cells = rng.random((coarsest << octave, coarsest << octave), dtype=np.float32)
        total += _enlarged(cells) * 0.55**octave
    low, high = np.quantile(total[::4, ::4], (0.01, 0.99))
    return limited((total - low) / (high - low), 0, 1)


def _enlarged(cells: Floats) -> Floats:
    # Two wrapped cells on each side keep the smooth enlargement seamless at the tile edge.
    count = cells.shape[0]
    cell = TILE // count
    padded = Image.fromarray(np.pad(cells, 2, mode="wrap"))
    size = TILE + 4 * cell
    large: Floats = np.asarray(padded.resize((size, size), Image.Resampling.BICUBIC))
    return large[2 * cell : 2 * cell + TILE, 2 * cell : 2 * cell + TILE]
