"""Free space on the ground, so that nobody stands inside somebody else."""

from __future__ import annotations

import math


class Room:
    """Remembers taken circles of the ground."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float]] = []

    def take(self, x: float, z: float, radius: float) -> bool:
        """Take a circle if it is free and say whether it was."""
        if self._blocked(x, z, radius):
            return False
        self._taken.append((x, z, radius))
        return True

    def take_car(self, x: float, z: float, heading: float) -> bool:
        """Take the longish space of a car if its middle and both ends are free."""
        ahead = (math.sin(heading) * 1.5, math.cos(heading) * 1.5)
        spots = [(x + ahead[0] * k, z + ahead[1] * k) for k in (-1, 0, 1)]
        if any(self._blocked(*spot, 0.85) for spot in spots):
            return False
        self._taken += [(*spot, 0.85) for spot in spots]
        return True

    def _blocked(self, x: float, z: float, radius: float) -> bool:
        return any(math.hypot(x - a, z - b) < radius + r for a, b, r in self._taken)
