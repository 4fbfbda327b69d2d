"""ONNX: one file of standard operators, full-size uint8 picture in, full-size mask out."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import ModelProto, checker, helper

from export import geometry
from export.targets import Answer
from kernels.artefact import BUILD_KEY, CONTRACT_KEY, IMAGE, LOGITS, MASK, SMALL
from kernels.contract import Contract
from kernels.errors import UserError, about
from trainer.checkpoint import Checkpoint
from trainer.network import Network

SUFFIX = ".onnx"
EXAMPLE_SIDE = 64


def write(checkpoint: Checkpoint, path: Path) -> None:
    """Trace the network and put the geometry around it."""
    contract = checkpoint.contract
    model = geometry.around(trace(checkpoint.network), contract)
    model.doc_string = (
        "uint8 RGB pictures [N,H,W,3] of any size -> class of every pixel [N,H,W]; "
        f"classes and colours are in metadata_props['{CONTRACT_KEY}']"
    )
    build = {"precision": "fp32", "torch": torch.__version__, "onnx": onnx.__version__}
    props = {CONTRACT_KEY: contract.to_json(), BUILD_KEY: json.dumps(build, sort_keys=True)}
    helper.set_model_props(model, props)
    checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def trace(network: Network) -> ModelProto:
    """The network alone, small -> logits, at any batch and size."""
    # A dimension of size 1 would be taken for a constant: two pictures.
    example = torch.zeros((2, EXAMPLE_SIDE, EXAMPLE_SIDE + 16, 3), dtype=torch.float32)
    sizes = {axis: torch.export.Dim(name) for axis, name in enumerate(("n", "h", "w"))}
    with _quiet():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            dynamic_shapes=(sizes,),
            input_names=[SMALL],
            output_names=[LOGITS],
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    return program.model_proto


def run(path: Path, pictures: NDArray[np.uint8]) -> Answer:
    """Ask the file for its mask, and a copy that shows them for the inner tensors."""
    feed = {IMAGE: pictures}
    (mask,) = _session(path.read_bytes()).run([MASK], feed)
    model = onnx.load(path)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (SMALL, LOGITS))
    small, logits = _session(model.SerializeToString()).run([SMALL, LOGITS], feed)
    return Answer(small=small, logits=logits, mask=mask)


def inspect(path: Path) -> dict[str, Any]:
    """Contract, build facts, inputs, outputs and operators."""
    try:
        model = onnx.load(path)
        checker.check_model(model)
        props = {entry.key: entry.value for entry in model.metadata_props}
        build = json.loads(props.get(BUILD_KEY, "{}"))
    except (DecodeError, checker.ValidationError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable ONNX file ({type(error).__name__})") from None
    if CONTRACT_KEY not in props:
        raise UserError(f"{path}: an ONNX file, but without a softres contract")
    with about(path):
        contract = Contract.from_json(props[CONTRACT_KEY])
    operators = [node.op_type for node in model.graph.node]
    return {
        "contract": json.loads(contract.to_json()),
        "build": build,
        "opset": max(entry.version for entry in model.opset_import),
        "inputs": {value.name: _shape(value) for value in model.graph.input},
        "outputs": {value.name: _shape(value) for value in model.graph.output},
        "operators": {name: operators.count(name) for name in sorted(set(operators))},
        "bytes": path.stat().st_size,
    }


def _shape(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    sides = [side.dim_param or str(side.dim_value) for side in tensor.shape.dim]
    kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return f"{kind} [{','.join(sides)}]"


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporter from talking of operators that nobody uses."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
