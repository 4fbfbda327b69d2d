"""The network in ONNX Runtime on a GPU, kernels on the CPU: what `serve --device cuda` does."""

from __future__ import annotations

from typing import Any

from export.bench.ways import Job, cuda, paint
from export.bench.ways.paint import Painted
from kernels.session import CUDA

TITLE = "network on CUDA + paint"
SUFFIX = ".onnx"


def obstacle(build: dict[str, Any]) -> str:
    """What keeps a graph from CUDA, and what keeps it from being served."""
    return cuda.obstacle(build) or paint.obstacle(build)


def open_way(job: Job) -> Painted:
    """The network on the GPU."""
    return Painted(job, CUDA)
