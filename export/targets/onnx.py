"""ONNX: one file of standard operators, full-size uint8 picture in, full-size mask out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, checker, helper

from export import geometry, onnx_file, precisions, provenance, verify
from export.geometry import Body
from export.options import Options
from export.paint_nodes import HEADS
from export.precisions import Samples
from export.samples import Seen, training
from export.targets import Answer, Runner
from export.trace import trace
from export.twin import needs_twin, twin
from kernels.artefact import BUILD_KEY, CONFIDENCE, CONTRACT_KEY, IMAGE, LOGITS, MASK, SMALL
from kernels.errors import RefusedError, about
from trainer.checkpoint import Checkpoint

SUFFIX = ".onnx"


def write(checkpoint: Checkpoint, path: Path, options: Options) -> None:
    """Trace the body, give it its precision, and put the geometry around it."""
    # Before the work of tracing: where there are none, it is for nothing.
    is_calibrated = precisions.find(options.precision).CALIBRATED
    labelled = training(checkpoint, options) if is_calibrated else None
    with about(f"model '{checkpoint.recipe.model}'"):
        body = trace(checkpoint.network, checkpoint.contract, options.intake)
    seen = None
    if labelled:
        seen = Seen(labelled=labelled, contract=checkpoint.contract, body=body)
    onnx.save_model(composed(checkpoint, body, options, seen), path)


def composed(
    checkpoint: Checkpoint, body: Body, options: Options, seen: Samples | None
) -> ModelProto:
    """The artefact of a traced body; `seen` is what a precision is calibrated on."""
    contract = checkpoint.contract
    applied = precisions.find(options.precision).apply(body.model, seen)
    model = geometry.around(
        body.with_model(applied.model), contract, intake=options.intake, head=options.head
    )
    model.doc_string = (
        "uint8 RGB pictures [N,H,W,3] -> "
        f"{', '.join(HEADS[options.head])}; "
        f"classes and colours are in metadata_props['{CONTRACT_KEY}']"
    )
    opset = max(entry.version for entry in model.opset_import)
    build = provenance.facts(checkpoint, options, opset) | applied.facts
    _set_facts(model, contract.to_json(), build)
    checker.check_model(model, full_check=True)
    return model


def _set_facts(model: ModelProto, contract: str, build: dict[str, Any]) -> None:
    props = {CONTRACT_KEY: contract, BUILD_KEY: json.dumps(build, sort_keys=True)}
    del model.metadata_props[:]
    helper.set_model_props(model, props)


def opened(path: Path) -> Runner:
    """Asks the file for its outputs, and a copy that shows them for the inner tensors."""
    model = onnx.load(path)
    given = [value.name for value in model.graph.output]
    shown = [name for name in (SMALL, LOGITS) if name not in given]
    content = path.read_bytes()
    if needs_twin(model):
        model = twin(model)
        content = model.SerializeToString()
    session = _session(content)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shown)
    inner = _session(model.SerializeToString())

    def run(pictures: NDArray[np.uint8]) -> Answer:
        outputs = _asked(inner, shown, pictures) | _asked(session, given, pictures)
        return Answer(
            small=outputs[SMALL],
            logits=outputs[LOGITS],
            mask=outputs.get(MASK),
            confidence=outputs.get(CONFIDENCE),
        )

    return run


def _asked(
    session: onnxruntime.InferenceSession, names: list[str], pictures: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    try:
        return dict(zip(names, session.run(names, {IMAGE: pictures}), strict=True))
    # ONNX Runtime's errors have no class in common below Exception.
    except Exception as error:
        count, height, width, _ = pictures.shape
        why = str(error).strip().splitlines()[0]
        raise RefusedError(
            f"the graph fails at {count} pictures of {height}x{width} ({why})", hint=verify.HINT
        ) from None


def stamp(path: Path, facts: dict[str, Any]) -> None:
    """Add to the build facts; the graph stays what it is."""
    model = onnx.load(path)
    props = {entry.key: entry.value for entry in model.metadata_props}
    _set_facts(model, props[CONTRACT_KEY], json.loads(props[BUILD_KEY]) | facts)
    onnx.save_model(model, path)


def inspect(path: Path) -> dict[str, Any]:
    """Contract, build facts, inputs, outputs and operators."""
    read = onnx_file.read(path)
    model = read.model
    operators = [node.op_type for node in model.graph.node]
    return {
        "contract": json.loads(read.contract),
        "build": read.build,
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
    # Errors are raised; printing them as well is for nobody.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
