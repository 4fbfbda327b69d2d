"""Sun, sky light and haze of one scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .colour import Colour, jittered, mixed, picked, tinted

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Mood:
    """A time of day and weather: colours of sky and light, before random variation."""

    zenith: Colour
    low_sky: Colour
    tint: Vector
    sun: float
    ambient: float
    elevation: float
    cloud: float
    lit_windows: float


@dataclass(frozen=True, kw_only=True)
class Light:
    """Light of one scene; `towards_sun` is a unit vector, `sun` its strength beside `ambient`."""

    zenith: Colour
    low_sky: Colour
    haze: Colour
    visibility: float
    towards_sun: Vector
    sun: float
    ambient: float
    tint: Vector
    cloud: float
    lit_windows: float

    def on(self, normal: Vector) -> float:
        """Brightness of a surface that faces along `normal`."""
        facing = sum(a * b for a, b in zip(normal, self.towards_sun, strict=True))
        return self.ambient * (0.88 + 0.12 * normal[1]) + self.sun * max(0.0, facing)

    def shaded(self, colour: Colour, brightness: float) -> Colour:
        """The colour of a surface lit with a brightness, in the tint of the hour."""
        red, green, blue = self.tint
        return tinted(colour, (red * brightness, green * brightness, blue * brightness))


_NOON = Mood(
    zenith=(82, 134, 205), low_sky=(188, 212, 232), tint=(1.0, 1.0, 0.98),
    sun=0.62, ambient=0.58, elevation=0.95, cloud=0.35, lit_windows=0.0,
)  # fmt: skip
_MORNING = Mood(
    zenith=(112, 152, 200), low_sky=(236, 216, 190), tint=(1.06, 1.0, 0.9),
    sun=0.6, ambient=0.56, elevation=0.45, cloud=0.4, lit_windows=0.02,
)  # fmt: skip
_OVERCAST = Mood(
    zenith=(164, 172, 182), low_sky=(212, 216, 220), tint=(0.97, 1.0, 1.03),
    sun=0.06, ambient=0.86, elevation=0.9, cloud=0.95, lit_windows=0.06,
)  # fmt: skip
_EVENING = Mood(
    zenith=(96, 112, 160), low_sky=(240, 186, 140), tint=(1.1, 0.97, 0.84),
    sun=0.5, ambient=0.56, elevation=0.3, cloud=0.5, lit_windows=0.15,
)  # fmt: skip
_DUSK = Mood(
    zenith=(60, 74, 112), low_sky=(172, 152, 150), tint=(0.92, 0.95, 1.1),
    sun=0.04, ambient=0.68, elevation=0.5, cloud=0.6, lit_windows=0.4,
)  # fmt: skip

# Repeated entries are likelier.
_MOODS = (_NOON, _NOON, _NOON, _MORNING, _MORNING, _OVERCAST, _OVERCAST, _EVENING, _DUSK)


def sample_light(rng: np.random.Generator) -> Light:
    """Draw the light of one scene."""
    mood = picked(rng, _MOODS)
    low_sky = jittered(rng, mood.low_sky, 12)
    azimuth = rng.uniform(0, 2 * math.pi)
    elevation = mood.elevation * rng.uniform(0.75, 1.25)
    flat = math.cos(elevation)
    return Light(
        zenith=jittered(rng, mood.zenith, 16),
        low_sky=low_sky,
        haze=mixed(low_sky, (170, 178, 188), 0.4),
        visibility=float(rng.uniform(130, 520)),
        towards_sun=(flat * math.cos(azimuth), math.sin(elevation), flat * math.sin(azimuth)),
        sun=mood.sun * float(rng.uniform(0.8, 1.2)),
        ambient=mood.ambient * float(rng.uniform(0.92, 1.08)),
        tint=mood.tint,
        cloud=float(np.clip(mood.cloud + rng.uniform(-0.35, 0.3), 0, 1)),
        lit_windows=mood.lit_windows,
    )
