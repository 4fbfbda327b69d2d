"""TensorRT: an engine from a verified ONNX artefact, in one file with all that belongs to it.

Real TensorRT builds on the machine and GPU that will run the engine; TensorRT-RTX builds for GPUs
that are not there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export import engine, flavour, intake, switches
from export import verified as verified_onnx
from export.engine import Built
from export.flavour import Flavour, Missing
from export.intake import Intake
from export.onnx_file import OnnxFile
from export.switches import Settings
from kernels import ahead
from kernels import engine as artefact
from kernels.artefact import CONFIDENCE
from kernels.contract import Contract
from kernels.errors import RefusedError, UserError
from kernels.publish import published, refuse_unwritable
from trainer import talk

if TYPE_CHECKING:
    from export.options import Options

SUFFIX = ".trt"
# What the convolutions of a precision compute in, as TensorRT calls it.
COMPUTED_IN = {"fp32": "FLOAT", "fp16": "HALF", "bf16": "BF16", "int8": "INT8"}


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which TensorRT, and what it is told."""

    flavour: str = flavour.AUTO
    settings: Settings = field(default_factory=Settings)


def build(source: Path, out: Path, options: Options, order: Order) -> None:
    """Publish the engine of a checkpoint or of an ONNX artefact, or leave the ready ONNX."""
    if out.suffix.lower() != SUFFIX:
        raise UserError(
            f"--out {out} does not end in {SUFFIX}", hint="the suffix tells readers the kind"
        )
    refuse_unwritable(out)
    found = _ready(order)
    if source.suffix.lower() == ".onnx":
        verified_onnx.refuse_options(source, options, but=("intake",))
    else:
        engine.ends(options.intake)
    verified = verified_onnx.of(source, out, options)
    if verified.build.get("precision") not in COMPUTED_IN:
        raise UserError(
            f"{source}: says no precision that an engine can be checked for",
            hint="export its checkpoint again",
        )
    taken = _taken(source, verified, options)
    engine.ends(taken)
    if isinstance(found, Missing):
        raise _left(found, verified, taken, out, order)
    assemble(found, verified, taken, out, order)


def assemble(found: Flavour, verified: OnnxFile, taken: Intake, out: Path, order: Order) -> None:
    """Publish the engine of an ONNX artefact, when it is the one that was asked for."""
    built = engine.build(found, verified.content, taken, order.settings)
    _refuse_mismatch(built, verified)
    entries = {
        artefact.PLAN: built.plan,
        artefact.CONTRACT: verified.contract.encode(),
        artefact.ONNX: verified.content,
        artefact.LOG: built.log.encode(),
    }
    architectures = _architectures(found, order)
    entries |= _kernels(verified, architectures)
    with published(out) as draft:
        facts = _facts(found, order, architectures, verified, built)
        artefact.write(draft, entries, facts | taken.plain())


def _taken(source: Path, verified: OnnxFile, options: Options) -> Intake:
    """What the ONNX artefact takes; where that is anything, what was asked for."""
    held = intake.read(
        verified.build.get("size", intake.DYNAMIC), verified.build.get("batch", intake.DYNAMIC)
    )
    asked = options.intake
    sizes = all(map(held.takes, asked.size or ()))
    if not sizes or (held.batch and asked.batch and asked.batch[1] > held.batch[1]):
        raise UserError(
            f"asked for {_typed(asked)}, and {source} takes {_typed(held)}",
            hint="ask for that, or name the checkpoint",
        )
    return Intake(batch=held.batch or asked.batch, size=held.size or asked.size)


def _typed(taken: Intake) -> str:
    return " ".join(f"--{name} {value}" for name, value in taken.plain().items())


def _ready(order: Order) -> Flavour | Missing:
    """The TensorRT to build with, its options looked at, or why there is none."""
    found = flavour.find(order.flavour)
    name = found.flavour if isinstance(found, Missing) else found.name
    if name == "tensorrt" and order.settings.architectures:
        raise UserError(
            "--arch is for --flavour rtx: TensorRT itself builds for the GPU that is there",
            hint="leave it out, or widen the engine with --hardwareCompatibilityLevel",
        )
    if isinstance(found, Missing):
        return found
    if found.name == "rtx":
        engine.architectures(found.module, order.settings.architectures)
        switches.refuse_unknown_to_rtx(order.settings)
    elif flavour.gpu_architecture() is None:
        return Missing(
            flavour="tensorrt", reason="TensorRT builds on the GPU that runs the engine; none here"
        )
    return found


def _left(
    missing: Missing, verified: OnnxFile, taken: Intake, out: Path, order: Order
) -> RefusedError:
    """Leave the verified ONNX where it can be taken from; the error says how to go on."""
    place = out.with_suffix(".onnx")
    with published(place) as draft:
        draft.write_bytes(verified.content)
    hint = f"{place} is verified and ready; on the target machine run\n  "
    words = ["trainer export trt", place.name, "--out", out.name, "--flavour", missing.flavour]
    words += [word for name, value in taken.plain().items() for word in (f"--{name}", value)]
    words += _switches(order.settings)
    return RefusedError(f"no engine was built: {missing.reason}", hint=hint + " ".join(words))


def _switches(settings: Settings) -> list[str]:
    """What was said of the builder, as it is typed."""
    words = []
    if settings.architectures:
        words += ["--arch", ",".join(f"sm{each}" for each in settings.architectures)]
    if settings.workspace is not None:
        words += ["--memPoolSize", f"workspace:{settings.workspace}"]
    if settings.timing_cache is not None:
        words += ["--timingCacheFile", str(settings.timing_cache)]
    if settings.version_compatible:
        words += ["--versionCompatible"]
    if settings.hardware_compatibility != "none":
        words += ["--hardwareCompatibilityLevel", settings.hardware_compatibility]
    if settings.optimization_level is not None:
        words += ["--builderOptimizationLevel", str(settings.optimization_level)]
    return words


def _architectures(found: Flavour, order: Order) -> tuple[int, ...]:
    if found.name == "rtx":
        return order.settings.architectures
    here = flavour.gpu_architecture()
    return () if here is None else (here,)


def _refuse_mismatch(built: Built, verified: OnnxFile) -> None:
    """The network that was built is the one that was asked for: kinds, names, shapes."""
    precision = verified.build["precision"]
    wanted, made = COMPUTED_IN[precision], built.facts["convolutions"]
    if set(made) != {wanted}:
        raise RefusedError(
            f"asked for {precision}, but the convolutions of the engine compute in {made}",
            hint="report this with the ONNX artefact; a retry will not help",
        )
    for side in ("inputs", "outputs"):
        ours, theirs = verified.tensors[side], built.facts[side]
        if ours != theirs:
            raise RefusedError(f"the {side} of the engine are {theirs}, of the ONNX file {ours}")


def _kernels(verified: OnnxFile, architectures: tuple[int, ...]) -> dict[str, bytes]:
    """`paint`, compiled for each architecture, with what its launcher must know."""
    entries: dict[str, bytes] = {}
    classes = len(Contract.from_json(verified.contract).classes)
    margin = CONFIDENCE in verified.tensors["outputs"]
    for architecture in architectures:
        try:
            cubin = ahead.compile_paint(architecture, classes, margin=margin)
        except UserError as error:
            talk.say(f"note: no paint kernel for sm{architecture} in the artefact: {error.message}")
            continue
        plain = asdict(cubin)
        entries[f"paint-sm{architecture}.cubin"] = plain.pop("code")
        entries[f"paint-sm{architecture}.json"] = json.dumps(plain, sort_keys=True).encode()
    return entries


def _facts(
    found: Flavour,
    order: Order,
    architectures: tuple[int, ...],
    verified: OnnxFile,
    built: Built,
) -> dict[str, Any]:
    return {
        "flavour": found.name,
        "tensorrt": found.version,
        "architectures": list(architectures),
        **order.settings.plain(),
        "network": built.facts,
        "onnx": verified.build,
        # Its ONNX was verified in ONNX Runtime; whether the engine itself ran is another matter.
        "engine_ran": False,
    }


def inspect(path: Path) -> dict[str, Any]:
    """Contract and build facts; the file is checked, the engine is not loaded."""
    opened = artefact.read(path)
    return {
        "contract": json.loads(opened.contract),
        "build": opened.build,
        "bytes": path.stat().st_size,
    }
