"""What the camera adds: grain of surfaces, blur, vignette, colour cast and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from .classes import Label
from .stage import Stage
from .texture import Floats, as_image, limited, window

# How strongly each class shows fine surface texture.
_GRAIN: dict[Label, float] = {
    Label.ROAD: 0.08,
    Label.PAVEMENT: 0.08,
    Label.BUILDING: 0.1,
    Label.SKY: 0.0,
    Label.TREE: 0.16,
    Label.FENCE: 0.14,
    Label.CAR: 0.05,
    Label.CYCLIST: 0.14,
    Label.PERSON: 0.14,
    Label.SIGN: 0.08,
    Label.POLE: 0.14,
    Label.WIRE: 0.0,
    Label.VOID: 0.1,
}


@dataclass(frozen=True, kw_only=True)
class Lens:
    """Flaws of one camera; `gains` are its white balance times exposure."""

    blur: float
    vignette: float
    gains: tuple[float, float, float]
    gamma: float
    noise: float


def sample_lens(rng: np.random.Generator) -> Lens:
    """Draw a camera."""
    exposure = float(rng.uniform(0.82, 1.16))
    warmth = float(rng.normal(0, 0.045))
    magenta = float(rng.normal(0, 0.02))
    return Lens(
        blur=float(rng.uniform(0.15, 0.5)),
        vignette=float(rng.uniform(0.05, 0.32)),
        gains=(exposure * (1 + warmth), exposure * (1 - magenta), exposure * (1 - warmth)),
        gamma=float(rng.uniform(0.88, 1.14)),
        noise=float(rng.uniform(1.5, 6.0)),
    )


def take_photo(
    stage: Stage, photo: Image.Image, labels: NDArray[np.uint8], lens: Lens
) -> NDArray[np.uint8]:
    """The picture as the camera records it."""
    grained = ImageChops.multiply(photo, _surface_grain(stage, labels))
    # Blur is given for a picture 512 pixels high; smaller ones stay about as sharp.
    radius = lens.blur * max(0.8, photo.height / 512)
    seen = np.asarray(grained.filter(ImageFilter.BoxBlur(radius)))
    tone: Floats = 270 * np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(lens.gamma)
    gains: Floats = np.array(lens.gains, np.float32)
    falloff = _falloff(photo.size, lens.vignette)[..., None]
    exposed: Floats = tone[seen]
    exposed *= falloff * gains
    exposed += _sensor_noise(stage.rng, seen.shape, lens.noise)
    return limited(exposed, 0, 255).astype(np.uint8)


def _surface_grain(stage: Stage, labels: NDArray[np.uint8]) -> Image.Image:
    strength = np.zeros(256, np.float32)
    for label, amount in _GRAIN.items():
        strength[label] = amount
    height, width = labels.shape
    fine = window(stage.textures.grain, height, width, stage.rng)
    soft = window(stage.textures.cloud, height, width, stage.rng)
    shade = as_image(1 - strength[labels] * (0.9 * fine + 0.8 * soft))
    return Image.merge("RGB", (shade, shade, shade))


def _falloff(size: tuple[int, int], strength: float) -> Floats:
    across: Floats = np.linspace(-1, 1, size[0], dtype=np.float32) ** 2
    down: Floats = np.linspace(-1, 1, size[1], dtype=np.float32) ** 2
    centre_distance: Floats = np.sqrt(0.65 * across[None, :] + 0.35 * down[:, None])
    return 1 - np.float32(strength) * centre_distance**3


def _sensor_noise(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> Floats:
    # The sum of two random bytes looks enough like Gaussian noise and costs far less.
    draws = rng.integers(0, 256, size=(2, *shape), dtype=np.uint8)
    total: Floats = draws[0].astype(np.float32) + draws[1]
    return (total - 255) * np.float32(strength / 104)
