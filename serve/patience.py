"""Leaves clients that do not go on: who sends half a head, or does not read its answer.

The web server waits for both as long as they like. What is in work has limits of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from serve.line import Line

# The web server closes a kept connection on which nothing came for so long after an answer.
KEEP_ALIVE = 5


@dataclass(frozen=True, kw_only=True)
class Still:
    """What stays the same on a connection as long as its client does nothing for it."""

    request: object  # the latest one, None before the first
    answered: bool
    unsent: int  # bytes of answers that wait for the client to read


class Patience:
    """Looks at all connections every now and then, and cuts those that stay the same."""

    def __init__(self, *, head: float, answer: float) -> None:
        self._head = head  # seconds without a request, from the start or the latest answer on
        self._answer = answer  # seconds in which not a byte of an answer goes out
        self._since: dict[Line, tuple[Still, float]] = {}

    def look(self, connections: Iterable[Line]) -> None:
        """Cut what has been still for too long."""
        now = time.monotonic()
        self._since = {each: self._unchanged(each, now) for each in connections}
        for each, (still, since) in self._since.items():
            if now - since > self._allowed(still):
                each.transport.abort()

    def _unchanged(self, connection: Line, now: float) -> tuple[Still, float]:
        request = connection.cycle
        still = Still(
            request=request,
            answered=request is None or request.response_complete,
            unsent=connection.transport.get_write_buffer_size(),
        )
        before = self._since.get(connection)
        return before if before and before[0] == still else (still, now)

    def _allowed(self, still: Still) -> float:
        if still.unsent:
            return self._answer
        return self._head if still.answered else math.inf
