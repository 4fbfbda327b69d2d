"""The benchmark times only what agrees, and the stress run sees a wrong result."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels.bench import memory, parity, timing
from kernels.bench.inputs import CLASSES, SIZE
from kernels.cases import FACTORS, SIZES
from kernels.errors import RefusedError

ROOT = Path(__file__).resolve().parents[2]


def test_every_backend_agrees_on_every_case_before_anything_is_timed():
    assert parity.check("cpu") == len(SIZES) * (2 * len(FACTORS) + 1)


def test_a_way_that_differs_is_not_timed():
    ways = [timing.way("ours", lambda: np.zeros(3)), timing.way("theirs", lambda: np.ones(3))]
    stopwatch = timing.Stopwatch(median=lambda call: 1.0, copy=lambda size: 1.0)
    with pytest.raises(RefusedError, match="task, theirs: differs; not timed"):
        timing.timed(timing.Task(name="task", bytes=24, ways=ways), stopwatch)


def test_a_rate_is_held_against_a_copy_of_as_many_bytes():
    stopwatch = timing.Stopwatch(median=lambda call: 0.5, copy=lambda size: size / 4e9)
    task = timing.Task(name="task", bytes=10**9, ways=[timing.way("ours", lambda: np.zeros(3))])
    (row,) = timing.timed(task, stopwatch)
    assert (row.milliseconds, row.times_ours) == (500, 1)
    assert row.gigabytes_a_second == 2
    assert row.share_of_copy == 0.5


@pytest.mark.skipif(not memory.can_measure(), reason="wants Linux, which tells a peak of memory")
def test_painting_takes_little_more_than_the_mask_and_full_logits_are_seen():
    ours, full = memory.needs(["kernels cpu", "F.interpolate + argmax"])
    mask = SIZE[0] * SIZE[1] / 1e6
    # The mask itself must be in the number, or nothing was measured.
    assert 0.9 * mask < ours.megabytes < mask + 8
    assert full.megabytes > CLASSES * 4 * mask


def test_without_a_gpu_its_half_says_that_it_is_not_measured():
    pytest.importorskip("triton")
    told = subprocess.run(
        [sys.executable, "-m", "kernels.bench", "--device", "cuda"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert "not measured" in told.stderr
    assert not told.stdout


def test_the_stress_run_counts_right_and_wrong_results(monkeypatch, load_tool):
    stress = load_tool("stress")
    calls, wrong, _ = stress.stress(4, 1.0)
    assert calls > 20
    assert wrong == 0
    monkeypatch.setattr(stress, "_jobs", lambda: [lambda: np.random.default_rng().random(4)])
    assert stress.stress(2, 0.2)[1] > 0
