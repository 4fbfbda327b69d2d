"""A model of NVIDIA Triton Inference Server: a folder with config.pbtxt and numbered versions.

`label_filename` is left out of the configuration: Triton's labels name the places of a vector of
scores, and a mask has one label a pixel. Clients read classes and colours from the contract, in the
configuration's parameters.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export import intake, model_config, verified
from export import model_repository as repository
from export.intake import Intake
from export.model_config import ONNX_RUNTIME, TENSORRT, Model, Serving, Tensors
from kernels import engine as engines
from kernels.contract import Contract
from kernels.errors import UserError
from trainer import talk

if TYPE_CHECKING:
    from export.options import Options

# Of the file that makes a folder a model.
SUFFIX = ".pbtxt"
HINT_NAME = "choose one with --name: letters, digits, - and _, and dots inside"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of the model in the repository."""

    name: str = ""  # as the source is called
    version: int | None = None  # the next one
    max_batch: int | None = None
    serving: Serving = field(default_factory=Serving)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is going to be served."""

    model: Model
    file: str
    content: bytes
    build: dict[str, Any]


def build(source: Path, out: Path, options: Options, order: Order) -> Path:
    """Add `source` to the repository `out`: a new model, or the next version of one."""
    folder = out / _name(order.name or source.stem)
    repository.refuse_place(folder, order.version)
    found = _found(source, folder, options, order)
    model_config.refuse_unfit(found.model, order.serving)
    plain = found.model.plain()
    repository.refuse_other(folder, plain)
    version = order.version or max(repository.versions(folder), default=0) + 1
    config = model_config.text(folder.name, found.model, order.serving).encode()
    own = {
        found.file: found.content,
        repository.BUILD: _json({"model": plain, "build": found.build}),
    }
    place = repository.publish(folder, version, _shared(config, found.model), own)
    _say_what_stays(folder, version, config)
    return place


def _say_what_stays(folder: Path, version: int, config: bytes) -> None:
    if (folder / repository.CONFIG).read_bytes() != config:
        talk.say(f"note: {folder / repository.CONFIG} stays as it is")
    newest = repository.versions(folder)[-1]
    if newest > version:
        talk.say(f"note: Triton goes on answering with version {newest}, the highest")


def _name(name: str) -> str:
    # A folder's name, and a part of the address that clients ask.
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?", name):
        raise UserError(f"'{name}' cannot be the name of a served model", hint=HINT_NAME)
    return name


def _found(source: Path, folder: Path, options: Options, order: Order) -> Found:
    if source.suffix.lower() != ".ckpt":
        verified.refuse_options(source, options)
    if source.suffix.lower() == ".trt":
        return _engine(source, order)
    return _network(source, folder, options, order)


def _network(source: Path, folder: Path, options: Options, order: Order) -> Found:
    """The ONNX artefact of a checkpoint, or the one that was given."""
    read = verified.of(source, folder, options)
    if read.build.get("precision") == "bf16" and order.serving.device != "gpu":
        raise UserError(
            "ONNX Runtime does not convolve in bf16 on a CPU",
            hint="take --device gpu, or another --precision",
        )
    taken = intake.read(intake.DYNAMIC, read.build.get("batch", intake.DYNAMIC))
    model = Model(
        backend=ONNX_RUNTIME,
        max_batch=model_config.largest(taken.batch, order.max_batch),
        inputs=read.tensors["inputs"],
        outputs=read.tensors["outputs"],
        contract=read.contract,
    )
    return Found(model=model, file="model.onnx", content=read.content, build=read.build)


def _engine(source: Path, order: Order) -> Found:
    """The plan of a TensorRT artefact."""
    opened = engines.read(source)
    flavour, release = opened.build.get("flavour"), opened.build.get("tensorrt")
    if flavour != "tensorrt":
        raise UserError(
            f"{source}: an engine of {flavour}; Triton's backend loads TensorRT's own",
            hint="serve the ONNX artefact, or build with --flavour tensorrt where Triton will run",
        )
    taken, tensors = _said(source, opened.build)
    model = Model(
        backend=TENSORRT,
        max_batch=model_config.largest(taken.batch, order.max_batch),
        contract=opened.contract,
        **tensors,
    )
    architectures = ", ".join(f"sm{each}" for each in opened.build.get("architectures", []))
    talk.say(f"note: wants a Triton with TensorRT {release} and a GPU of {architectures}")
    return Found(model=model, file="model.plan", content=opened.plan(), build=opened.build)


def _said(source: Path, build: dict[str, Any]) -> tuple[Intake, dict[str, Tensors]]:
    """How many pictures an engine takes, and its tensors, as its build facts have them."""
    try:
        taken = intake.read(intake.DYNAMIC, build["batch"])
        # A profile of one number of pictures leaves the side free, and takes no other number.
        count = taken.fixed_batch
        tensors = {
            side: {
                name: [kind, [count or sides[0], *sides[1:]]]
                for name, (kind, sides) in build["network"][side].items()
            }
            for side in ("inputs", "outputs")
        }
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(
            f"{source}: its build facts do not say what it takes ({error!r})", hint=engines.HINT
        ) from None
    return taken, tensors


def _shared(config: bytes, model: Model) -> dict[str, bytes]:
    """What lies beside the versions."""
    classes = Contract.from_json(model.contract).classes
    # A line a class, in the order of the labels: no name may begin another line.
    labels = "".join(f"{' '.join(name.split())}\n" for name in classes)
    return {
        repository.CONFIG: config,
        repository.CONTRACT: model.contract.encode(),
        repository.LABELS: labels.encode(),
    }


def _json(plain: dict[str, Any]) -> bytes:
    return (json.dumps(plain, indent=2) + "\n").encode()


def inspect(path: Path) -> dict[str, Any]:
    """Of a model's folder or its configuration: versions, contract, and facts of the newest."""
    folder = path if path.is_dir() else path.parent
    there = repository.versions(folder)
    if not there:
        raise UserError(f"{folder}: a configuration of Triton, but no version of a model")
    held = repository.read(folder, there[-1])
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {
        "name": folder.resolve().name,
        "versions": there,
        **held["model"],
        "build": held["build"],
        "bytes": sum(each.stat().st_size for each in files),
    }
