"""Reads what an ONNX artefact says of itself, without torch and without running it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, checker

from kernels.artefact import BUILD_KEY, CONTRACT_KEY
from kernels.contract import Contract
from kernels.errors import UserError, about

# The types that cross the border of an artefact, as TensorRT calls those that it has.
KINDS = {TensorProto.UINT8: "UINT8", TensorProto.UINT16: "UINT16", TensorProto.FLOAT: "FLOAT"}

# Those of the build facts that decide what is done with the artefact.
FACTS = {"precision": str, "head": str, "size": str, "batch": str, "verify": dict}


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """A sound artefact."""

    model: ModelProto
    content: bytes
    contract: str
    build: dict[str, Any]

    @property
    def tensors(self) -> dict[str, dict[str, list[Any]]]:
        """Inputs and outputs by name: type and shape, -1 where it is free."""
        graph = self.model.graph
        return {"inputs": _tensors(graph.input), "outputs": _tensors(graph.output)}


def _tensors(values: Any) -> dict[str, list[Any]]:
    found = {}
    for value in values:
        tensor = value.type.tensor_type
        sides = [-1 if side.dim_param else side.dim_value for side in tensor.shape.dim]
        found[value.name] = [KINDS.get(tensor.elem_type, "other"), sides]
    return found


def read(path: Path) -> OnnxFile:
    """The artefact at `path`, or an error that says what the file is instead."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        content = path.read_bytes()
        model = onnx.load_from_string(content)
        checker.check_model(model)
        props = {entry.key: entry.value for entry in model.metadata_props}
        build = json.loads(props.get(BUILD_KEY, "{}"))
    except (DecodeError, checker.ValidationError, OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable ONNX file ({type(error).__name__})") from None
    if CONTRACT_KEY not in props:
        raise UserError(f"{path}: an ONNX file, but without a softres contract")
    with about(path):
        Contract.from_json(props[CONTRACT_KEY])
        _refuse_malformed(build)
    return OnnxFile(model=model, content=content, contract=props[CONTRACT_KEY], build=build)


def _refuse_malformed(build: Any) -> None:
    """Raise for build facts that the exporter did not write: others read them as they are."""
    known = build if isinstance(build, dict) else {"build facts": build}
    wrong = [
        name
        for name, kind in (*FACTS.items(), ("build facts", dict))
        if name in known and not isinstance(known[name], kind)
    ]
    if wrong:
        raise UserError(f"damaged build facts: {', '.join(wrong)} is of the wrong kind")
