"""What the GPU's tests share: what is here, and the reason that stands for a test without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from export import flavour
from export.bench import ways
from trainer import checkpoint
from trainer.checkpoint import Checkpoint


@pytest.fixture(scope="session")
def architecture() -> int:
    """The GPU's, 90 for 9.0."""
    found = flavour.gpu_architecture()
    if found is None:
        pytest.skip("wants an NVIDIA GPU")
    return found


@pytest.fixture(scope="session")
def pycuda(architecture: int) -> None:
    """pycuda is installed; that it does not work then is no reason to skip."""
    if importlib.util.find_spec("pycuda") is None:
        pytest.skip("pycuda is not installed")


@pytest.fixture(scope="session")
def onnxruntime_gpu(architecture: int) -> None:
    """The package for GPUs is installed; that it falls back then is no reason to skip."""
    obstacle = ways.find("cuda").obstacle({})
    if obstacle:
        pytest.skip(obstacle)


@pytest.fixture(scope="session")
def loaded(model: Path) -> Checkpoint:
    """The checkpoint whose masks, made on the CPU, are the right ones."""
    return checkpoint.load(model)
