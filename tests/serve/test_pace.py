"""How long pictures take, and what a server that far too many come to does about it."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from serve import pace
from serve.admission import Gate
from serve.errors import RefusedNowError
from serve.pace import LONG, Pace


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def calm(seconds: float = 0.1) -> Pace:
    """Two workers and a queue of 32, whose pictures took so long when few came."""
    found = Pace(workers=2, places=34)
    for _ in range(50):
        found.note(seconds)
    return found


def press(found: Pace, clock: Clock, times: int = 34, every: float = 0.01) -> None:
    for _ in range(times):
        clock.now += every
        found.refuse()


def test_what_pictures_take_at_ease_changes_nothing_however_much_it_varies(clock: Clock) -> None:
    found = calm()
    for seconds in (0.1, 12.0, 0.4, 30.0):
        found.note(seconds)
        assert (found.room(), found.longest()) == (32, math.inf)


def test_it_is_pressed_where_as_many_are_refused_as_it_holds_in_the_time_of_a_full_house(
    clock: Clock,
) -> None:
    found = calm()
    # A full house takes 34 x 0.1 / 2 seconds.
    press(found, clock, times=33)
    assert not found.pressed
    press(found, clock, times=1)
    assert found.pressed
    clock.now += 1.7
    assert not found.pressed
    press(found, clock, every=0.06)
    assert not found.pressed


def test_under_pressure_the_slower_pictures_get_the_fewer_may_wait(clock: Clock) -> None:
    found = calm()
    press(found, clock)
    # It is no slower yet, and nobody waits longer than for a full queue at ease.
    assert found.room() == 32
    assert found.longest() == pytest.approx(1.1 * 34 * 0.1 / 2)
    for _ in range(100):
        press(found, clock)
        found.note(0.2)
    assert found.room() == pytest.approx(32 / 8, abs=1)
    assert found.longest() == pytest.approx(1.1 * 34 * 0.1 / 2, rel=0.05)
    for _ in range(100):
        press(found, clock)
        found.note(9.0)
    # Both workers have their next picture, and one that is on its way.
    assert found.room() == 4
    clock.now += 1000
    assert (found.room(), found.longest()) == (32, math.inf)


def test_pictures_that_became_larger_under_pressure_are_known_in_the_end(clock: Clock) -> None:
    found = calm()
    for _ in range(int(3 * LONG)):
        press(found, clock)
        found.note(2.0)
    assert found.longest() == pytest.approx(1.1 * 34 * 2.0 / 2, rel=0.1)
    assert found.room() > 16


def test_a_pressed_gate_refuses_who_waited_too_long_and_a_calm_one_answers(clock: Clock) -> None:
    gate = Gate(workers=2, queue=8)
    for _ in range(50):
        gate.note(0.2)
    for _ in range(10):
        gate.enter()
    gate.refuse_late(60.0)
    for _ in range(10):
        clock.now += 0.01
        with pytest.raises(RefusedNowError, match="10 requests are held already, 2 of them"):
            gate.enter()
    # Ten places, two workers, 0.2 s each.
    gate.refuse_late(1.0)
    for _ in range(2):
        with pytest.raises(RefusedNowError, match="in the time of a full queue") as late:
            gate.refuse_late(1.2)
        assert late.value.status == 429
    # Who is refused late is no reason to refuse the next one: a second later it is calm.
    clock.now += 1.0
    gate.refuse_late(60.0)


def test_a_gate_that_is_about_to_close_answers_whom_it_let_in(clock: Clock) -> None:
    gate = Gate(workers=1, queue=1, queue_time=0.5)
    gate.note(0.1)
    gate.enter()
    gate.enter()
    for _ in range(2):
        with pytest.raises(RefusedNowError):
            gate.enter()
    with pytest.raises(RefusedNowError):
        gate.refuse_late(60.0)
    gate.closed = True
    gate.refuse_late(60.0)


class Patient(Gate):
    """A gate that lets in as many as it has places for, and answers them however late."""

    def __init__(self, *, workers: int, queue: int) -> None:
        super().__init__(workers=workers, queue=queue)
        self._pace.room = lambda: queue  # type: ignore[method-assign]
        self._pace.longest = lambda: math.inf  # type: ignore[method-assign]


def simulated(gate: Gate, clock: Clock, share: float) -> tuple[list[float], float]:
    """How long each waited who was answered, and how much of the time the workers had work.

    Strangers bring that share of what it can.

    One picture in ten takes a second, the others 0.03: two workers can do 15.7 of them a second.
    """
    random = np.random.default_rng(0)
    moments = clock.now + np.cumsum(random.exponential(0.127 / 2 / share, 5000))
    takes = random.choice([0.03, 1.0], 5000, p=[0.9, 0.1])
    events = [(moment, index, -1.0) for index, moment in enumerate(moments)]
    heapq.heapify(events)
    queue: deque[tuple[float, int]] = deque()
    leaves: dict[int, Callable[[], None]] = {}
    busy, worked, begin, answered = 0, 0.0, clock.now, list[float]()
    while events:
        clock.now, index, began = heapq.heappop(events)
        if began < 0:
            with suppress(RefusedNowError):
                leaves[index] = gate.enter()
                queue.append((clock.now, index))
        else:
            busy -= 1
            gate.note(clock.now - began)
            leaves.pop(index)()
        while queue and busy < gate.workers:
            came, turn = queue.popleft()
            try:
                gate.refuse_late(clock.now - came)
            except RefusedNowError:
                leaves.pop(turn)()
                continue
            busy += 1
            answered.append(clock.now - came)
            worked += takes[turn]
            heapq.heappush(events, (clock.now + takes[turn], turn, clock.now))
    return answered, worked / gate.workers / (clock.now - begin)


@pytest.mark.parametrize(("share", "shorter"), [(0.7, 1.0), (1.3, 1.0), (3.0, 0.8), (10.0, 0.8)])
def test_what_bounds_a_wait_leaves_no_worker_idle(
    clock: Clock, share: float, shorter: float
) -> None:
    waits, work = simulated(Patient(workers=2, queue=32), clock, share)
    found, worked = simulated(Gate(workers=2, queue=32), clock, share)
    assert worked >= 0.97 * work
    assert np.quantile(found, 0.99) <= shorter * np.quantile(waits, 0.99)
    if share < 1:
        assert found == pytest.approx(waits)
