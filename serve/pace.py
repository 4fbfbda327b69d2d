"""How long pictures take a worker, now and at ease, and whether far too many come.

To refuse many takes the time of those who are in: pictures then take half as long again, and a full
queue makes each wait for that. So a pressed server lets fewer wait, and nobody for much longer than
a full house takes at ease.
"""

from __future__ import annotations

import math
import time
from collections import deque

# How much the latest picture counts in the running mean of what one takes.
NEWEST = 0.1
# Seconds of refusing without a pause after which what pictures take then is taken for what they
# take at ease: they may have become larger.
LONG = 3600.0
# Standard deviations above its mean that a normal number is once in a thousand times.
RARELY = 3.0
# How much longer than a full house takes on the average nobody is surprised to wait.
AMPLE = 1.1


class Pace:
    """Running means of what pictures took, and when the latest were refused."""

    def __init__(self, *, workers: int, places: int) -> None:
        self._workers, self._places = workers, places
        self._refused: deque[float] = deque(maxlen=places)
        # Seconds that a worker is busy with one picture, 0 before the first; how much they vary;
        # and what they were when nobody was refused.
        self._service = self._variance = self._easy = 0.0

    def note(self, seconds: float) -> None:
        """One more picture was worked in that time."""
        known = self._service or seconds
        self._easy = self._easy or seconds
        self._variance = (1 - NEWEST) * (self._variance + NEWEST * (seconds - known) ** 2)
        self._service = known + NEWEST * (seconds - known)
        if self._refusals_of_late():
            share = min(1.0, seconds / (self._workers * LONG))
            self._easy += share * (self._service - self._easy)
        else:
            self._easy += NEWEST * (seconds - self._easy)

    def refuse(self) -> None:
        """Somebody was refused at the door."""
        self._refused.append(time.monotonic())

    @property
    def pressed(self) -> bool:
        """Whether at least twice as many come as can be served.

        Then as many are refused as the house holds in the time in which it is worked off.
        """
        return self._refusals_of_late() == self._places

    def expected(self, turns: int) -> float:
        """Seconds until somebody gets a worker before whom so many turns have to end."""
        return turns / self._workers * self._service

    def at_most(self, turns: int) -> float:
        """The same, if he is unlucky."""
        # Of independent turns the variances add up, and all share the running mean's own error.
        share = turns + turns**2 * NEWEST / (2 - NEWEST)
        return self.expected(turns) + RARELY * math.sqrt(share * self._variance) / self._workers

    def room(self) -> int:
        """How many may wait: under pressure the fewer, the longer pictures take than at ease.

        Half the pace leaves an eighth of the queue, so that even the unlucky wait no longer than
        for a full one at ease; every worker has its next one and the one after it.
        """
        queue = self._places - self._workers
        if not self.pressed:
            return queue
        slower = max(1.0, self._service / self._easy)
        return min(queue, max(2 * self._workers, round(queue / slower**3)))

    def longest(self) -> float:
        """Seconds that one may have waited and still be served."""
        return AMPLE * self._house(self._easy) if self.pressed else math.inf

    def _refusals_of_late(self) -> int:
        """Refusals in the time of a full house, up to as many as it holds."""
        late = time.monotonic() - self._house(self._service)
        while self._refused and self._refused[0] <= late:
            self._refused.popleft()
        return len(self._refused)

    def _house(self, service: float) -> float:
        """Seconds in which a full house is worked off."""
        return service * self._places / self._workers
