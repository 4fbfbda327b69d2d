"""How ONNX Runtime computes beside the kernels, for who serves a network and who times it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# Sizes come as they come: an exhaustive search would be made anew for each of them. Rounding to
# TF32 would move logits by a thousandth.
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}


def providers(wanted: str) -> list[Any]:
    """What an InferenceSession is given; what CUDA does not have the CPU computes."""
    return [CPU] if wanted == CPU else [(CUDA, CUDA_OPTIONS), CPU]


def settle(options: Any, threads: int) -> Any:
    """An onnxruntime.SessionOptions, set for threads that leave the kernels their cores."""
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin while they wait for the next network take the cores from paint.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # ONNX Runtime would be slow on every x86 then, and not only on the ones that need it.
    if not adds_products_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def adds_products_exactly() -> bool:
    """Whether this CPU has VNNI; older x86 cuts the sum of two products of 8 bits at 16 bits."""
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.is_file() else []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return any(flag.endswith("_vnni") for flag in flags)
