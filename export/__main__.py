"""The command line of the exporter: one command a target, and inspect.

In a shell, `export` alone is the shell's own builtin and never reaches this program:
type `trainer export ...`, `python -m export ...` or `env export ...`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from export import targets
from export.flags import Accept, Batch, Calibration, Data, Head, Numbers, Out, Pictures, Size
from export.intake import CALIBRATION, DYNAMIC, PICTURES
from export.triton_command import triton
from kernels.errors import reported

app = typer.Typer(
    help="Write a checkpoint as an artefact that runs alone; nothing unverified is published.\n\n"
    "A shell's own `export` hides this program: type `trainer export ...` or "
    "`python -m export ...`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


Checkpoint = Annotated[Path, typer.Argument(metavar="MODEL.ckpt")]


def _command(target: str) -> Callable[..., None]:
    def write(
        checkpoint: Checkpoint,
        out: Out = None,
        size: Size = DYNAMIC,
        batch: Batch = DYNAMIC,
        head: Head = "mask",
        precision: Numbers = "fp32",
        data: Data = "",
        pictures: Pictures = PICTURES,
        calibration: Calibration = CALIBRATION,
        accept: Accept = False,
    ) -> None:
        from export import intake
        from export.build import build
        from export.options import Options

        path = out or checkpoint.parent / f"{checkpoint.stem}{targets.find(target).SUFFIX}"
        options = Options(
            intake=intake.read(size, batch),
            head=head,
            precision=precision,
            data=data,
            pictures=pictures,
            calibration=calibration,
            accept=accept,
        )
        typer.echo(f"verified: {build(target, checkpoint, path, options)}", err=True)
        print(path)

    return write


# What needs more than the options of every target has a command of its own.
for _name in sorted({*targets.names()} - {"triton", "trt"}):
    app.command(_name, help=f"Write MODEL.ckpt as {_name}.")(_command(_name))

app.command()(triton)

TRTEXEC = "Under the names of trtexec"


@app.command()
def trt(
    source: Annotated[Path, typer.Argument(metavar="MODEL.ckpt|MODEL.onnx")],
    size: Size,
    batch: Batch = "1",
    out: Out = None,
    head: Head = "mask",
    precision: Numbers = "fp32",
    flavour: Annotated[
        str, typer.Option(help="tensorrt, rtx, or auto: the only one here")
    ] = "auto",
    arch: Annotated[
        str, typer.Option(help="GPUs that RTX builds for without having them: sm86,sm89,sm120")
    ] = "",
    data: Data = "",
    pictures: Pictures = PICTURES,
    calibration: Calibration = CALIBRATION,
    accept: Accept = False,
    memory: Annotated[
        str, typer.Option("--memPoolSize", help="workspace:MiB", rich_help_panel=TRTEXEC)
    ] = "",
    timing_cache: Annotated[
        Path | None, typer.Option("--timingCacheFile", rich_help_panel=TRTEXEC)
    ] = None,
    version_compatible: Annotated[
        bool, typer.Option("--versionCompatible", rich_help_panel=TRTEXEC)
    ] = False,
    hardware: Annotated[
        str,
        typer.Option(
            "--hardwareCompatibilityLevel",
            help="none, ampere+ or sameComputeCapability",
            rich_help_panel=TRTEXEC,
        ),
    ] = "none",
    level: Annotated[
        int | None,
        typer.Option("--builderOptimizationLevel", help="0 to 5", rich_help_panel=TRTEXEC),
    ] = None,
) -> None:
    """Build a TensorRT engine of a checkpoint, or of an ONNX artefact without needing torch."""
    from export import intake, switches
    from export.options import Options
    from export.targets import trt as target

    path = out or source.with_suffix(target.SUFFIX)
    options = Options(
        intake=intake.read(size, batch),
        head=head,
        precision=precision,
        data=data,
        pictures=pictures,
        calibration=calibration,
        accept=accept,
    )
    settings = switches.Settings(
        architectures=switches.read_architectures(arch),
        workspace=switches.read_workspace(memory),
        timing_cache=timing_cache,
        version_compatible=version_compatible,
        hardware_compatibility=hardware,
        optimization_level=level,
    )
    target.build(source, path, options, target.Order(flavour=flavour, settings=settings))
    print(path)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="ARTEFACT")],
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="MODEL.ckpt", help="default: the artefact's name, .ckpt")
    ] = None,
    data: Data = "",
    pictures: Pictures = PICTURES,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Compare an artefact with its checkpoint again, pixel by pixel; exit 1 where it fails."""
    from export.reverify import reverify

    report = reverify(file, checkpoint, data, pictures)
    if as_json:
        print(json.dumps(report.plain()))
        return
    for name, value in report.plain().items():
        print(f"{name}: {_shown(value)}")


@app.command()
def bench(
    artefacts: Annotated[list[Path], typer.Argument(metavar="ARTEFACT...")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="MODEL.ckpt", help="adds what people do without an artefact"),
    ] = None,
    data: Data = "",
    pictures: Pictures = PICTURES,
    size: Annotated[
        str, typer.Option(help="1024x2048; default: that of the data's pictures", show_default="")
    ] = "",
    batch: Annotated[str, typer.Option(help="pictures at once, by commas")] = "1",
    seconds: Annotated[float, typer.Option(min=0, help="to time each row for")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Time artefacts every way they run here; what has wrong masks gets no time.

    With --checkpoint also beside PyTorch, at the same factor and at full size. All rows are timed
    in turns, each in a process of its own; SOFTRES_THREADS says with how many threads. The exit
    status is 1 where a row has wrong masks.
    """
    from export.bench.conduct import conduct
    from export.bench.plan import request

    outcome = conduct(request(artefacts, checkpoint, data, pictures, size, batch, seconds))
    print(json.dumps(outcome.plain(), indent=1) if as_json else outcome.markdown(), end="")
    raise SystemExit(any(row.wrong for row in outcome.rows))


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say what an artefact or a checkpoint is: contract, build facts, inputs and outputs."""
    facts = _facts(file)
    if as_json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name}: {_shown(value)}")


def _facts(file: Path) -> dict[str, Any]:
    if file.suffix.lower() != ".ckpt" or not file.is_file():
        return targets.of(file).inspect(file)
    from trainer import checkpoint

    loaded = checkpoint.load(file)
    return {
        "contract": json.loads(loaded.contract.to_json()),
        "recipe": loaded.recipe.plain(),
        "steps_done": loaded.steps_done,
        "bytes": file.stat().st_size,
    }


def _shown(value: Any, depth: int = 1) -> str:
    if isinstance(value, dict):
        lines = (f"{name}: {_shown(inner, depth + 1)}" for name, inner in value.items())
        return "".join(f"\n{'  ' * depth}{line}" for line in lines)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    """The console script `export`."""
    with reported():
        app()


if __name__ == "__main__":
    main()
