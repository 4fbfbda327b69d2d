"""The log says how fast a run is, and how much of it is waiting."""

import itertools
import json
from types import SimpleNamespace

import pytest

from trainer import stopwatch
from trainer.stopwatch import RECENT, Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is told to go on."""
    now = [0.0]
    # Of this module alone: a server in another thread would sleep by it until the real one is back.
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def go_on(seconds):
        now[0] += seconds

    return go_on


def test_speed_and_waiting_are_those_of_the_steps(clock):
    def data():
        for _ in range(4):
            clock(1)
            yield None

    watch = Stopwatch(batch=8)
    for _ in watch.waiting(data()):
        clock(3)
        watch.step()
        # A look at the validation split is no part of a step.
        clock(100)
    assert watch.speed == 2
    assert watch.waited == 0.25


def test_old_steps_are_forgotten(clock):
    watch = Stopwatch(batch=1)
    for number, _ in enumerate(watch.waiting(itertools.repeat(None, 2 * RECENT))):
        clock(10 if number < RECENT else 1)
        watch.step()
    assert watch.speed == 1


def test_a_runs_log_has_both(fit_tiny):
    outcome, _ = fit_tiny(steps=2)
    lines = (outcome.run.metrics).read_text().splitlines()
    (timed,) = (line for line in map(json.loads, lines) if "loss" in line)
    assert timed["pictures_per_second"] > 0
    assert 0 <= timed["waiting"] <= 1
