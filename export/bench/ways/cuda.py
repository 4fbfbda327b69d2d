"""The whole graph in ONNX Runtime on a GPU, where ONNX Runtime really takes it there."""

from __future__ import annotations

from typing import Any

import onnxruntime

# CUDA and cuDNN, as pip installs them, are found by ONNX Runtime once torch has loaded them.
import torch  # noqa: F401

from export.bench.ways import Job
from export.bench.ways.graph import Graph
from kernels.session import CUDA

TITLE = "graph on CUDA"
SUFFIX = ".onnx"


def obstacle(build: dict[str, Any]) -> str:
    """The package for a CPU has no such provider."""
    if CUDA in onnxruntime.get_available_providers():
        return ""
    return "this onnxruntime has no CUDA provider (extra 'gpu')"


def open_way(job: Job) -> Graph:
    """The graph on the GPU."""
    return Graph(job, CUDA)
