"""The ground: road, kerbs, pavements, paint, wear and the shadows that fall on it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from .camera import FARTHEST, NEAREST
from .classes import Label
from .colour import Colour, jittered, mixed, picked, scaled
from .shadows import Shadows
from .stage import Stage
from .street import GROUND_BEYOND, Street
from .texture import Floats, as_image, limited, wrapped

_ASPHALT: tuple[Colour, ...] = (
    (104, 104, 108), (122, 120, 118), (84, 86, 92), (136, 132, 128), (112, 116, 124),
)  # fmt: skip
_PAVING: tuple[Colour, ...] = (
    (164, 158, 150), (140, 138, 136), (176, 160, 144), (124, 126, 128), (152, 126, 112),
    (150, 152, 156),
)  # fmt: skip
_YARD: tuple[Colour, ...] = ((150, 142, 128), (138, 132, 120), (160, 150, 134), (128, 130, 126))
_WHITE_PAINT: Colour = (222, 222, 214)
_YELLOW_PAINT: Colour = (214, 176, 74)

# Street colours are given as seen under full light; the shading map only darkens.
_HEADROOM = 1.16

# Flat bands of distance in which the ground takes one haze colour each.
_BANDS = (NEAREST, 8.0, 14.0, 22.0, 32.0, 45.0, 62.0, 85.0, 120.0)

# How far to each side the ground reaches, in metres.
_WIDE = 700.0


@dataclass(frozen=True, kw_only=True)
class _Surfaces:
    road: Colour
    pavement: Colour
    yard: Colour
    kerb: Colour
    paint: Colour


def paint_ground(stage: Stage, street: Street, shadows: Shadows) -> None:
    """Paint everything that lies flat, with texture and shadows."""
    surfaces = _sample_surfaces(stage)
    _paint_strips(stage, street, surfaces)
    if street.crossing is not None:
        _paint_crossing(stage, street, surfaces, street.crossing)
    _paint_wear(stage, street, surfaces)
    _paint_markings(stage, street, surfaces)
    _shade(stage, street, shadows)


def _sample_surfaces(stage: Stage) -> _Surfaces:
    rng, light = stage.rng, stage.light
    brightness = light.on((0, 1, 0)) * _HEADROOM * 0.92

    def lit(colour: Colour, spread: float) -> Colour:
        return light.shaded(jittered(rng, colour, spread), brightness)

    pavement = picked(rng, _PAVING)
    return _Surfaces(
        road=lit(picked(rng, _ASPHALT), 10),
        pavement=lit(pavement, 12),
        yard=lit(picked(rng, _YARD), 12),
        kerb=lit(mixed(pavement, (190, 188, 184), 0.5), 6),
        paint=lit(_YELLOW_PAINT if rng.random() < 0.2 else _WHITE_PAINT, 6),
    )


def _paint_strips(stage: Stage, street: Street, surfaces: _Surfaces) -> None:
    left, right = street.kerb(-1), street.kerb(1)
    strips: list[tuple[float, float, Colour, Label | None]] = [
        (-_WIDE, _WIDE, surfaces.yard, Label.PAVEMENT),
        (street.pavement_end(-1), street.pavement_end(1), surfaces.pavement, Label.PAVEMENT),
        (left - 0.24, right + 0.24, surfaces.kerb, Label.PAVEMENT),
        (left - 0.07, right + 0.07, scaled(surfaces.kerb, 0.62), Label.PAVEMENT),
        (left, right, scaled(surfaces.road, 0.8), Label.ROAD),
        (left + 0.28, right - 0.28, surfaces.road, None),
    ]
    bands = [band for band in _BANDS if band < street.length]
    bands.append(street.length + GROUND_BEYOND)
    # Strip by strip, not band by band: rounding at a seam may then never show a wider strip.
    for x_from, x_to, colour, label in strips:
        for near, far in reversed(list(itertools.pairwise(bands))):
            # A little overlap hides the seams between bands.
            outline = stage.camera.strip(x_from, x_to, near, far * 1.02)
            stage.canvas.at(math.sqrt(near * far)).polygon(outline, colour, label)


def _paint_crossing(
    stage: Stage, street: Street, surfaces: _Surfaces, crossing: tuple[float, float]
) -> None:
    near, far = crossing
    layer = stage.canvas.at((near + far) / 2)
    camera = stage.camera
    for start, end in ((near - 2.4, near), (far, far + 2.4)):
        for side in (-1, 1):
            outline = camera.strip(street.kerb(side), side * 140, start, end)
            layer.polygon(outline, surfaces.pavement, Label.PAVEMENT)
    layer.polygon(camera.strip(-140, 140, near, far), surfaces.road, Label.ROAD)
    for z in (near, far):
        for side in (-1, 1):
            outline = camera.strip(street.kerb(side), side * 140, z - 0.12, z + 0.12)
            layer.polygon(outline, surfaces.kerb, Label.PAVEMENT)
    _paint_zebra(stage, street, surfaces, near - 4.2)


def _paint_zebra(stage: Stage, street: Street, surfaces: _Surfaces, z: float) -> None:
    layer = stage.canvas.at(z)
    half = street.road_half - 0.4
    for x in np.arange(-half, half, 1.0).tolist():
        layer.polygon(stage.camera.strip(x, x + 0.5, z, z + 2.6), surfaces.paint)
    stop_line = stage.camera.strip(-half, half, z - 1.2, z - 0.9)
    layer.polygon(stop_line, surfaces.paint)


def _paint_wear(stage: Stage, street: Street, surfaces: _Surfaces) -> None:
    rng = stage.rng
    half = street.road_half
    for _ in range(int(rng.integers(2, 9))):
        z = float(rng.uniform(3.5, 45))
        layer = stage.canvas.at(z)
        x = float(rng.uniform(-half, half - 1))
        size = rng.uniform(0.6, 3.5, 2).tolist()
        outline = stage.camera.strip(x, min(half - 0.1, x + size[0] * 0.6), z, z + size[1])
        layer.polygon(outline, scaled(surfaces.road, float(rng.uniform(0.76, 1.14))))
    for _ in range(int(rng.integers(3, 10))):
        _paint_crack(stage, half, scaled(surfaces.road, float(rng.uniform(0.62, 0.8))))
    for _ in range(int(rng.integers(0, 4))):
        _paint_manhole(stage, half, surfaces.road)


def _paint_crack(stage: Stage, half: float, colour: Colour) -> None:
    rng = stage.rng
    x, z = float(rng.uniform(-half, half)), float(rng.uniform(3.0, 22))
    layer = stage.canvas.at(z)
    turns = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.5, 24))
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(0.05, 0.3, (24, 1))
    path = np.array([x, z]) + np.cumsum(steps, axis=0)
    inside = [(a, max(2.2, b)) for a, b in path.tolist() if abs(a) < half - 0.3]
    if len(inside) > 1:
        points = [stage.camera.project(a, 0, b) for a, b in inside]
        layer.line(points, stage.camera.thin(0.012, z, 0.5, 1.5), colour)


def _paint_manhole(stage: Stage, half: float, road: Colour) -> None:
    rng, camera = stage.rng, stage.camera
    x, z = float(rng.uniform(-half * 0.8, half * 0.8)), float(rng.uniform(5, 30))
    layer = stage.canvas.at(z)
    for radius, factor in ((0.42, 0.7), (0.34, 0.86)):
        angles = np.linspace(0, 2 * math.pi, 14).tolist()
        outline = [
            camera.project(x + radius * math.cos(a), 0, z + radius * math.sin(a)) for a in angles
        ]
        layer.polygon(outline, scaled(road, factor))


def _paint_markings(stage: Stage, street: Street, surfaces: _Surfaces) -> None:
    rng = stage.rng
    if street.road_half < 3.4 and rng.random() < 0.5:
        return
    dash = float(rng.uniform(1.5, 4))
    solid = rng.random() < 0.2
    lines = [(0.0, solid)]
    if street.road_half > 5.6:
        lines += [(-street.road_half / 2, False), (street.road_half / 2, False)]
    if rng.random() < 0.45:
        edge = street.road_half - float(rng.choice([0.45, 2.2]))
        lines += [(-edge, True), (edge, True)]
    for x, is_solid in lines:
        _paint_line(stage, street, surfaces.paint, x, math.inf if is_solid else dash)
    if rng.random() < 0.4:
        _paint_arrow(stage, street, surfaces.paint)


def _paint_line(stage: Stage, street: Street, colour: Colour, x: float, dash: float) -> None:
    step = min(dash, 4.0)
    z = 2.0 + float(stage.rng.uniform(0, step))
    while z < 110:
        end = z + step
        if not (street.crosses(z, 5) or street.crosses(end, 5)):
            outline = stage.camera.strip(x - 0.07, x + 0.07, z, end)
            stage.canvas.at(z).polygon(outline, colour)
        z = end if math.isinf(dash) else end + step * 1.2


def _paint_arrow(stage: Stage, street: Street, colour: Colour) -> None:
    camera = stage.camera
    z = float(stage.rng.uniform(6, 14))
    x = street.drive_side * street.road_half / 2
    layer = stage.canvas.at(z)
    layer.polygon(camera.strip(x - 0.1, x + 0.1, z, z + 2.2), colour)
    head = [(x - 0.4, z + 2.1), (x, z + 3.6), (x + 0.4, z + 2.1)]
    layer.polygon([camera.project(a, 0, b) for a, b in head], colour)


def _shade(stage: Stage, street: Street, shadows: Shadows) -> None:
    camera, photo = stage.camera, stage.canvas.photo
    tilt = abs(camera.roll) * camera.width / 2 + camera.rise * FARTHEST * camera.focal
    first = max(0, int((camera.horizon - tilt) / 2) - 1)
    x, z = camera.ground_grid(first)
    shade = as_image(_wear_map(stage, street, x, z))
    softness = max(0.6, camera.height / 1024 * 1.5)
    dark = shadows.merged(softness).crop((0, first, camera.width // 2, camera.height // 2))
    shade = ImageChops.multiply(shade, dark)
    box = (0, first * 2, photo.width, photo.height)
    large = shade.resize((box[2], box[3] - box[1]), Image.Resampling.BILINEAR)
    veiled = ImageChops.multiply(photo.crop(box), Image.merge("RGB", (large, large, large)))
    photo.paste(veiled, box)


def _wear_map(stage: Stage, street: Street, x: Floats, z: Floats) -> Floats:
    textures = stage.textures
    near = np.clip(16 / z, 0.15, 1)
    patches = wrapped(textures.cloud, z * 9, x * 12)
    stains = wrapped(textures.cloud, z * 2.5 + 200, x * 22)
    grain = wrapped(textures.grain, z * 34, x * 60)
    shade = 0.86 + 0.22 * (patches - 0.5) + 0.14 * (stains - 0.5)
    shade += near * 0.17 * (grain - 0.5)
    paved = np.abs(x) > street.road_half
    slab = 0.5 + 0.5 * float(stage.rng.integers(3))
    joint = ((x % slab) < 0.035 * np.maximum(1, z / 9)) | ((z % slab) < 0.05 * np.maximum(1, z / 7))
    tone = wrapped(textures.grain, z / slab + 17, x / slab + 5)
    shade += paved * near * (0.1 * (tone - 0.5) - 0.16 * joint)
    # Tyres polish two dark tracks into each lane.
    lane = np.abs(np.abs(np.abs(x) - street.road_half / 2) - 0.75)
    shade -= 0.05 * (lane < 0.35) * ~paved
    return limited(shade, 0.2, 1)
