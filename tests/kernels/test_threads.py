"""Rows are dealt out whole, and the number of threads comes from one place."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from kernels import paint, shrink, soften, threads
from kernels.errors import UserError


@pytest.fixture
def fresh_count():
    threads.count.cache_clear()
    yield
    threads.count.cache_clear()


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_every_row_is_worked_once(rows):
    spans = threads.over_rows(rows, lambda first, last: list(range(first, last)))
    assert [row for span in spans for row in span] == list(range(rows))


def test_the_environment_sets_the_count(monkeypatch, fresh_count):
    monkeypatch.setenv(threads.VARIABLE, "3")
    assert threads.count() == 3


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_a_count_that_is_none_is_refused(monkeypatch, fresh_count, given):
    monkeypatch.setenv(threads.VARIABLE, given)
    with pytest.raises(UserError, match="SOFTRES_THREADS"):
        threads.count()


def test_many_callers_at_once_get_right_results():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    labels = rng.integers(0, 4, (90, 120), dtype=np.uint8)
    logits = rng.normal(size=(4, 12, 15)).astype(np.float32)

    def work():
        return shrink(picture, "1/4"), soften(labels, "1/4", 4), paint(logits, (90, 120))

    expected, wrong = work(), []

    def caller():
        for _ in range(20):
            if not all(map(np.array_equal, work(), expected)):
                wrong.append(1)

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not wrong


def test_kernels_load_without_torch_and_without_compiling():
    program = (
        "import sys, kernels; "
        "sys.exit(bool({'torch', 'triton', 'numba', 'fastapi'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
