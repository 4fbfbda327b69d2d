"""Builds a TensorRT plan from a verified ONNX artefact; every call of TensorRT's builder is here.

Networks are strongly typed: the precision is what the ONNX says, in TensorRT 10, 11 and RTX alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from export.flavour import Flavour
from export.intake import Intake
from export.switches import HARDWARE, Settings
from kernels.artefact import IMAGE
from kernels.errors import RefusedError, UserError
from kernels.publish import published
from trainer import talk

CHANNELS = 3
MEBI = 2**20


@dataclass(frozen=True, kw_only=True)
class Built:
    """A plan, what the builder said, and what the network is made of."""

    plan: bytes
    log: str
    facts: dict[str, Any]


def build(flavour: Flavour, onnx: bytes, intake: Intake, settings: Settings) -> Built:
    """The plan of a network, or an error with the builder's own words."""
    trt, log = flavour.module, _log(flavour.module)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    # The parser keeps pointers into the network: both live until the plan is there.
    parser = trt.OnnxParser(network, log)
    if not parser.parse(onnx):
        raise UserError(
            f"TensorRT does not take this network: {_parser_errors(parser)}",
            hint="another model or head may fit; the ONNX artefact runs as it is",
        )
    config = builder.create_builder_config()
    _configure(flavour, config, settings)
    _add_profile(builder, config, network, intake)
    cache = _timing_cache(config, settings.timing_cache)
    facts = _network_facts(trt, network)
    with _bar() as bar:
        config.progress_monitor = _monitor(trt, bar)
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RefusedError(f"TensorRT built no engine: {_last_error(log.lines)}")
    if cache is not None and settings.timing_cache is not None:
        with published(settings.timing_cache) as draft:
            draft.write_bytes(bytes(cache.serialize()))
    return Built(plan=bytes(plan), log="\n".join(log.lines) + "\n", facts=facts)


def _log(trt: Any) -> Any:
    """A logger that keeps every line."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity != trt.ILogger.VERBOSE:
                self.lines.append(f"{severity.name}: {msg}")

    return Log()


def _last_error(lines: list[str]) -> str:
    errors = [line for line in lines if line.startswith(("ERROR", "INTERNAL_ERROR"))]
    return errors[-1] if errors else "it does not say why"


def _parser_errors(parser: Any) -> str:
    told = []
    for error in (parser.get_error(index) for index in range(parser.num_errors)):
        told.append(f"{error.node_operator() or 'node'} '{error.node_name()}': {error.desc()}")
    return "; ".join(dict.fromkeys(told)) or "it does not say why"


def _configure(flavour: Flavour, config: Any, settings: Settings) -> None:
    trt = flavour.module
    # On by default, it would round what was verified as float32 to 10 bits.
    config.clear_flag(trt.BuilderFlag.TF32)
    if settings.workspace is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace * MEBI)
    if settings.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if settings.optimization_level is not None:
        config.builder_optimization_level = settings.optimization_level
    if settings.hardware_compatibility != "none":
        level = HARDWARE[settings.hardware_compatibility]
        config.hardware_compatibility_level = getattr(trt.HardwareCompatibilityLevel, level)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if flavour.name == "rtx":
        _set_architectures(trt, config, settings)


def architectures(trt: Any, wanted: tuple[int, ...]) -> list[Any]:
    """TensorRT-RTX's own names for what was asked for."""
    known = {
        int(name[2:]): value
        for name, value in trt.ComputeCapability.__members__.items()
        if name.startswith("SM")
    }
    strange = [each for each in wanted if each not in known]
    if strange or not wanted:
        raise UserError(
            f"--arch: TensorRT-RTX builds for {', '.join(f'sm{each}' for each in sorted(known))}, "
            f"not for {', '.join(f'sm{each}' for each in strange) or 'nothing'}",
            hint="GPUs of data centres, sm90 and sm100, want --flavour tensorrt",
        )
    return [known[each] for each in wanted]


def _set_architectures(trt: Any, config: Any, settings: Settings) -> None:
    named = architectures(trt, settings.architectures)
    config.num_compute_capabilities = len(named)
    for index, architecture in enumerate(named):
        if not config.set_compute_capability(architecture, index):
            raise RefusedError(f"TensorRT-RTX refuses to build for {architecture.name}")


def ends(intake: Intake) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The least and the most that goes in at once, or an error where there is no most."""
    if intake.batch is None or intake.size is None:
        what = "--batch" if intake.batch is None else "--size"
        raise UserError(
            f"{what} dynamic has no largest one, and an engine is built for a range",
            hint="give --batch 1..8 and --size 1024x2048, or 256x256..1024x2048",
        )
    batches, sizes = intake.batch, intake.size
    return (batches[0], *sizes[0], CHANNELS), (batches[1], *sizes[1], CHANNELS)


def _add_profile(builder: Any, config: Any, network: Any, intake: Intake) -> None:
    """One profile from the least to the most; it is tuned for the most."""
    if -1 not in tuple(network.get_input(0).shape):
        return
    least, most = ends(intake)
    profile = builder.create_optimization_profile()
    profile.set_shape(IMAGE, least, most, most)
    config.add_optimization_profile(profile)


def _timing_cache(config: Any, path: Path | None) -> Any:
    """The cache of an earlier build of this version and GPU; another one's is an error."""
    if path is None:
        return None
    content = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, False):
        raise UserError(
            f"{path}: not a timing cache of this TensorRT on this GPU", hint="name another file"
        )
    return cache


def _network_facts(trt: Any, network: Any) -> dict[str, Any]:
    """Inputs, outputs, and in which kinds of number the convolutions compute."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    kinds = Counter(_computed_in(trt, layers, layer) for layer in convolutions)
    return {
        "inputs": _tensors(network.get_input, network.num_inputs),
        "outputs": _tensors(network.get_output, network.num_outputs),
        "layers": network.num_layers,
        "convolutions": dict(sorted(kinds.items())),
    }


def _computed_in(trt: Any, layers: list[Any], layer: Any) -> str:
    """int8 where what it reads comes out of a DequantizeLinear, else the type of its input."""
    tensor = layer.get_input(0)
    for maker in layers:
        if maker.type == trt.LayerType.DEQUANTIZE and maker.get_output(0).name == tensor.name:
            return "INT8"
    return str(tensor.dtype.name)


def _tensors(of: Any, count: int) -> dict[str, list[Any]]:
    tensors = [of(index) for index in range(count)]
    return {tensor.name: [tensor.dtype.name, list(tensor.shape)] for tensor in tensors}


def _bar() -> Progress:
    return Progress(console=talk.console, transient=True, disable=not talk.console.is_terminal)


def _monitor(trt: Any, bar: Progress) -> Any:
    """Shows the builder's phases as bars."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tasks: dict[str, TaskID] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.tasks[phase_name] = bar.add_task(phase_name, total=num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            bar.update(self.tasks[phase_name], completed=step + 1)
            return True

        def phase_finish(self, phase_name: str) -> None:
            bar.remove_task(self.tasks.pop(phase_name))

    return Monitor()
