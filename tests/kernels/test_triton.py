"""The GPU kernels' parity in Triton's interpreter, and the geometry they are told."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels.errors import UserError
from kernels.view import View, axis, plan

HERE = Path(__file__).parent


# In parts that several workers can take.
@pytest.mark.parametrize("part", ["soften", "paint", "not soften and not paint"])
def test_the_interpreter_agrees_with_the_reference_bit_for_bit(part):
    pytest.importorskip("triton")
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *(str(HERE / "test_triton_parity.py"), "-k", part),
        ],
        # Decides how kernels are decorated, so that it must be there before they are imported.
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "passed" in told.stdout


def test_importing_the_kernels_brings_neither_torch_nor_triton():
    code = "import sys, kernels, kernels.view, kernels.ahead, serve.device;" + (
        "print([name for name in ('torch', 'triton', 'pycuda') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(("pixels", "cells"), [(8, 2), (5, 2), (7, 5), (3, 7), (97, 24), (1, 1)])
def test_no_cell_touches_more_pixels_than_planned(pixels, cells):
    covered = (axis(pixels, cells).coverage() > 0).sum(1)
    view = View(top=0, left=0, height=pixels, width=pixels)
    assert plan([view], (cells, cells)).taps == (covered.max(), covered.max())
    assert np.all(covered > 0)


def test_whole_cells_are_the_same_block_in_every_view():
    views = [View(top=9 * i, left=-i, height=16, width=32, flip=bool(i)) for i in range(3)]
    assert plan(views, (4, 8)).whole
    assert not plan([*views, View(top=0, left=0, height=12, width=24)], (4, 8)).whole
    assert not plan([View(top=0, left=0, height=10, width=10)], (4, 4)).whole


@pytest.mark.parametrize(
    ("view", "small", "says"),
    [
        ({"height": 0}, (4, 4), "at least 1 pixel"),
        ({}, (0, 4), "small must be"),
        ({"top": 2**31}, (4, 4), "too far"),
        ({"height": 2**17 - 1}, (2**15, 4), "too fine"),
    ],
)
def test_views_that_cannot_be_are_refused(view, small, says):
    with pytest.raises(UserError, match=says):
        plan([View(**{"top": 0, "left": 0, "height": 8, "width": 8, **view})], small)
