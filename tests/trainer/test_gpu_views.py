"""The GPU's training views, in Triton's interpreter where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer import loader

HERE = Path(__file__).parent


def test_the_interpreter_takes_the_views_that_the_cpu_takes():
    pytest.importorskip("triton")
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            str(HERE / "test_gpu_views_parity.py"),
        ],
        # Decides how kernels are decorated, so that it must be there before they are imported.
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "skipped" not in told.stdout


def test_without_triton_a_gpu_gets_its_views_from_the_cpu(monkeypatch, capsys):
    monkeypatch.setattr(loader.importlib.util, "find_spec", lambda name: None)
    assert not loader.reduces(torch.device("cuda"))
    assert "reduced on the CPU" in capsys.readouterr().err
    assert not loader.reduces(torch.device("cpu"))
