"""How a strong view differs from its weak one: the same crop in other light, grey, or blurred."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from trainer.jitter import Light, drawn, grey


@dataclass(frozen=True, kw_only=True)
class Look:
    """One disguise, as chance has drawn it."""

    light: Light | None
    blur: float  # spread of the Gaussian, in small pixels; 0 does not blur

    def on(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`picture` in this disguise."""
        lit = self.light.on(picture) if self.light else picture
        if not self.blur:
            return lit
        return np.asarray(Image.fromarray(lit).filter(ImageFilter.GaussianBlur(self.blur)))


@dataclass(frozen=True, kw_only=True)
class Disguise:
    """The strong views that a method wants of each unlabelled crop."""

    views: int
    strength: float = 0.5
    hue: float = 0.25
    # The shares of views with each change.
    jittered: float = 0.8
    greyed: float = 0.2
    blurred: float = 0.5
    least_blur: float = 0.1
    most_blur: float = 2.0

    def looks(self, rng: np.random.Generator) -> list[Look]:
        """One look a view."""
        return [self._look(rng) for _ in range(self.views)]

    def _look(self, rng: np.random.Generator) -> Look:
        light = drawn(self.strength, rng, hue=self.hue)
        jittered, greyed, blurred = rng.random(3) < (self.jittered, self.greyed, self.blurred)
        blur = rng.uniform(min(self.least_blur, self.most_blur), self.most_blur)
        if not jittered:
            light = replace(light, matrix=np.eye(3, dtype=np.float32), lift=0.0)
        if greyed:
            light = grey(light)
        changed = bool(jittered or greyed)
        return Look(light=light if changed else None, blur=float(blur) if blurred else 0.0)
