"""The sky: a gradient with clouds."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .stage import Stage
from .texture import Floats, limited, wrapped

# Clouds are soft, so they are painted this much smaller and enlarged.
_COARSE = 4


def paint_sky(stage: Stage) -> None:
    """Fill the upper part of the photo with sky; the ground is painted over its lower edge."""
    photo = stage.canvas.photo
    light = stage.light
    # What is left of the picture below this height is hidden by the ground in any case.
    height = min(photo.height, int(stage.camera.horizon + 0.1 * photo.width))
    rows, columns = max(2, height // _COARSE), max(2, photo.width // _COARSE)
    up = np.linspace(1, 0, rows, dtype=np.float32)
    zenith = np.array(light.zenith, np.float32)
    low = np.array(light.low_sky, np.float32)
    # Everything below the horizon keeps the colour of the low sky.
    blend = np.clip(up * 1.35 - 0.35, 0, 1)[:, None, None]
    sky = low + (zenith - low) * blend
    veil = _clouds(stage, rows, columns)[..., None]
    white = low * 0.35 + 255 * 0.65 * min(1.0, light.ambient + light.sun)
    dark = low * 0.5 + zenith * 0.3
    cloud = dark + (white - dark) * np.clip(veil * 1.4, 0, 1)
    coloured = np.clip(sky * (1 - veil) + cloud * veil, 0, 255).astype(np.uint8)
    size = (photo.width, height)
    photo.paste(Image.fromarray(coloured).resize(size, Image.Resampling.BILINEAR))


def _clouds(stage: Stage, rows: int, columns: int) -> Floats:
    # Looking along a flat layer of clouds: they shrink and crowd towards the horizon.
    row = np.arange(rows, dtype=np.float32)[:, None] * _COARSE
    angle = np.maximum((stage.camera.horizon - row) / stage.camera.height, 0)
    distance = 65 / (angle + 0.12)
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    shift = stage.rng.uniform(0, 512, 2)
    tile = stage.textures.cloud
    noise = wrapped(tile, distance + shift[0], across * distance * 0.7 + shift[1])
    cover = stage.light.cloud
    veil = limited((noise - 0.72 + 0.55 * cover) * 2.4, 0, 1)
    # Haze swallows the clouds that stand low.
    return veil * limited(angle * 7, 0.15, 1)
