"""The benchmark times only what agrees, and the stress run sees a wrong result."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kernels import bench

ROOT = Path(__file__).resolve().parents[2]


def test_every_backend_agrees_on_every_case_before_anything_is_timed():
    assert bench.check_parity() == len(bench.SIZES) * (2 * len(bench.FACTORS) + 1)


def test_a_way_that_differs_is_not_timed():
    ways = [bench._way("ours", lambda: np.zeros(3)), bench._way("theirs", lambda: np.ones(3))]
    with pytest.raises(SystemExit, match="nothing was timed"):
        bench._timed(bench.Task(name="task", bytes=24, ways=ways))


def test_the_stress_run_counts_right_and_wrong_results(monkeypatch):
    spec = importlib.util.spec_from_file_location("stress", ROOT / "tools" / "stress.py")
    stress = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stress)
    calls, wrong, _ = stress.stress(4, 1.0)
    assert calls > 20
    assert wrong == 0
    monkeypatch.setattr(stress, "_jobs", lambda: [lambda: np.random.default_rng().random(4)])
    assert stress.stress(2, 0.2)[1] > 0
