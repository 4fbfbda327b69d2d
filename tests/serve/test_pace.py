"""How long pictures take, and what a server that far too many come to does about it."""

from __future__ import annotations

import math
from types import SimpleNamespace

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
