"""Opens graphs in ONNX Runtime as a server opens them, and says what it makes of their int8."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
from onnx import ModelProto

from export import intake
from kernels.artefact import BUILD_KEY, CONTRACT_KEY
from kernels.contract import Contract
from kernels.cut import cut
from kernels.errors import UserError
from kernels.session import CPU, providers, settle


def opened(model: ModelProto, threads: int, provider: str = CPU) -> onnxruntime.InferenceSession:
    """A session over the model; one that fell back to the CPU is an error."""
    options = settle(onnxruntime.SessionOptions(), threads)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=providers(provider)
    )
    if provider not in session.get_providers():
        raise UserError("ONNX Runtime fell back to the CPU: its CUDA provider did not load")
    return session


def leave_network(model: ModelProto, file: Path) -> Contract:
    """Cut the network out, for its one size where it has only one; what it promises."""
    props = {entry.key: entry.value for entry in model.metadata_props}
    contract = Contract.from_json(props[CONTRACT_KEY])
    build = json.loads(props.get(BUILD_KEY, "{}"))
    size = intake.read(build.get("size", intake.DYNAMIC), intake.DYNAMIC).fixed_size
    cut(model, file, contract.seen_size(size) if size else None)
    return contract


def convolutions(model: ModelProto, threads: int) -> tuple[int, int]:
    """How many convolutions ONNX Runtime computes in 8 bits, and how many there are."""
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.onnx"
        options = settle(onnxruntime.SessionOptions(), threads)
        options.optimized_model_filepath = str(made)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=[CPU])
        found = Counter(node.op_type for node in onnx.load(made).graph.node)
    whole = found["QLinearConv"]
    return whole, whole + found["Conv"] + found["FusedConv"]
