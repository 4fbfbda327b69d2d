"""What config.pbtxt tells Triton of a model: its tensors, its batches, and what runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from export import pbtxt
from export.pbtxt import Word
from kernels.artefact import CONTRACT_KEY
from kernels.errors import UserError, one_of

ONNX_RUNTIME, TENSORRT = "onnxruntime", "tensorrt"
KINDS = {"UINT8": "TYPE_UINT8", "UINT16": "TYPE_UINT16", "FLOAT": "TYPE_FP32"}
DEVICES = {"auto": "KIND_AUTO", "cpu": "KIND_CPU", "gpu": "KIND_GPU"}
# Of a model that takes as many pictures as come.
MAX_BATCH = 8

Tensors = dict[str, list[Any]]  # name -> kind and sides, -1 where one is free


@dataclass(frozen=True, kw_only=True)
class Model:
    """What every version of a served model has in common."""

    backend: str
    # 0 is a model that takes one number of pictures alone: Triton then batches nothing.
    max_batch: int
    inputs: Tensors
    outputs: Tensors
    contract: str

    def plain(self) -> dict[str, Any]:
        """For build.json, and to compare versions by: who wrote the contract is no difference."""
        contract = json.loads(self.contract)
        contract.pop("writer")
        return {
            "backend": self.backend,
            "max_batch_size": self.max_batch,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "contract": contract,
        }


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How Triton is to run it; whoever runs the server may change it in config.pbtxt."""

    preferred: tuple[int, ...] = ()  # sizes of batches worth waiting for
    delay: int = 0  # microseconds that a request may wait for others
    device: str = "auto"  # GPUs where Triton has some, else the CPU
    gpus: tuple[int, ...] = ()
    instances: int = 1  # on each of them
    threads: int = 0  # of one instance on a CPU; 0 is one a core

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise one_of("device", self.device, DEVICES)
        for name, least in (("instances", 1), ("delay", 0), ("threads", 0)):
            if getattr(self, name) < least:
                raise UserError(f"--{name} {getattr(self, name)} is not {least} or more")
        if self.gpus and self.device != "gpu":
            raise UserError("--gpus is for --device gpu", hint="add it, or leave --gpus out")


def largest(batch: tuple[int, int] | None, asked: int | None) -> int:
    """The max_batch_size of a model that takes `batch`; None is any number."""
    if asked is not None and asked < 1:
        raise UserError(f"--max-batch {asked} is not 1 or more")
    least, most = batch or (1, asked or MAX_BATCH)
    if batch and least == most:
        if asked is not None:
            raise UserError(
                f"--max-batch {asked}: the model takes {least} at once, neither more nor fewer",
                hint="export it with --batch dynamic or --batch 1..8",
            )
        return 0
    if least > 1:
        raise UserError(
            f"the model takes {least} to {most} pictures, and Triton also sends fewer",
            hint=f"export it with --batch 1..{most}",
        )
    if asked is not None and asked > most:
        raise UserError(f"--max-batch {asked}: the model takes {most} at most")
    return asked or most


def refuse_unfit(model: Model, serving: Serving) -> None:
    """Raise where the model cannot be run so."""
    if model.max_batch < 2 and (serving.preferred or serving.delay):
        raise UserError(
            "--preferred and --delay are for models that Triton makes batches for",
            hint="leave them out, or export the model with --batch dynamic or --batch 1..8",
        )
    strange = [size for size in serving.preferred if not 1 <= size <= model.max_batch]
    if strange:
        raise UserError(f"--preferred {strange[0]} is not a batch of 1 to {model.max_batch}")
    if model.backend == TENSORRT and (serving.device == "cpu" or serving.threads):
        raise UserError(
            "an engine runs on a GPU", hint="leave out --device cpu and --threads, or serve ONNX"
        )


def text(name: str, model: Model, serving: Serving) -> str:
    """The file."""
    message: dict[str, Any] = {
        "name": name,
        "backend": model.backend,
        "max_batch_size": model.max_batch,
        "input": _tensors(model.inputs, model.max_batch),
        "output": _tensors(model.outputs, model.max_batch),
        # What is Triton's default too: the highest number is what answers.
        "version_policy": {"latest": {"num_versions": 1}},
        "instance_group": [_instances(model, serving)],
    }
    if model.max_batch > 1:
        message["dynamic_batching"] = _batching(serving)
    parameters = {CONTRACT_KEY: model.contract}
    if serving.threads:
        parameters["intra_op_thread_count"] = str(serving.threads)
    message["parameters"] = [
        {"key": key, "value": {"string_value": value}} for key, value in parameters.items()
    ]
    return pbtxt.text(message)


def _tensors(tensors: Tensors, max_batch: int) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "data_type": Word(KINDS[kind]),
            # Where Triton makes batches, it puts their side in front by itself.
            "dims": sides[1:] if max_batch else sides,
        }
        for name, (kind, sides) in tensors.items()
    ]


def _instances(model: Model, serving: Serving) -> dict[str, Any]:
    device = "gpu" if model.backend == TENSORRT else serving.device
    group: dict[str, Any] = {"count": serving.instances, "kind": Word(DEVICES[device])}
    return group | ({"gpus": list(serving.gpus)} if serving.gpus else {})


def _batching(serving: Serving) -> dict[str, Any]:
    batching: dict[str, Any] = {"max_queue_delay_microseconds": serving.delay}
    return (
        {"preferred_batch_size": list(serving.preferred)} if serving.preferred else {}
    ) | batching
