"""The whole graph in ONNX Runtime on a GPU, where ONNX Runtime really takes it there."""

from __future__ import annotations

from typing import Any

import onnxruntime

from export.bench.ways import Job
from export.bench.ways.graph import Graph
from kernels.errors import UserError

TITLE = "graph on CUDA"
SUFFIX = ".onnx"
PROVIDER = "CUDAExecutionProvider"


def obstacle(build: dict[str, Any]) -> str:
    """The package for a CPU has no such provider."""
    if PROVIDER in onnxruntime.get_available_providers():
        return ""
    return "this onnxruntime has no CUDA provider (extra 'gpu')"


def open_way(job: Job) -> Graph:
    """The graph on the GPU; what fell back to the CPU is an error."""
    way = Graph(job, (PROVIDER, "CPUExecutionProvider"))
    if PROVIDER not in way.session.get_providers():
        raise UserError("ONNX Runtime fell back to the CPU: its CUDA provider did not load")
    return way
