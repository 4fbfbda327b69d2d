"""Opens graphs in ONNX Runtime as a server opens them, and says what it makes of their int8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
from onnx import ModelProto

from kernels.session import settle

CPU = ("CPUExecutionProvider",)


def opened(
    model: ModelProto, threads: int, providers: Sequence[str] = CPU
) -> onnxruntime.InferenceSession:
    """A session over the model."""
    options = settle(onnxruntime.SessionOptions(), threads)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=list(providers)
    )


def convolutions(model: ModelProto, threads: int) -> tuple[int, int]:
    """How many convolutions ONNX Runtime computes in 8 bits, and how many there are."""
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.onnx"
        options = settle(onnxruntime.SessionOptions(), threads)
        options.optimized_model_filepath = str(made)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=list(CPU))
        found = Counter(node.op_type for node in onnx.load(made).graph.node)
    whole = found["QLinearConv"]
    return whole, whole + found["Conv"] + found["FusedConv"]
