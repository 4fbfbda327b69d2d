"""The command `trainer export triton`: a model for NVIDIA Triton Inference Server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from export.flags import Accept, Batch, Calibration, Data, Head, Numbers, Pictures, Size
from export.intake import CALIBRATION, DYNAMIC, PICTURES
from kernels.errors import UserError

SERVED = "In config.pbtxt, written with the first version"


def triton(
    source: Annotated[Path, typer.Argument(metavar="MODEL.ckpt|MODEL.onnx|MODEL.trt")],
    out: Annotated[
        Path | None, typer.Option(help="the repository; default: models beside the source")
    ] = None,
    name: Annotated[str, typer.Option(help="of the model; default: the source's")] = "",
    version: Annotated[int | None, typer.Option(help="default: the next one")] = None,
    size: Size = DYNAMIC,
    batch: Batch = DYNAMIC,
    head: Head = "mask",
    precision: Numbers = "fp32",
    data: Data = "",
    pictures: Pictures = PICTURES,
    calibration: Calibration = CALIBRATION,
    accept: Accept = False,
    max_batch: Annotated[
        int | None,
        typer.Option(
            help="pictures at once; default: the model's most, or 8", rich_help_panel=SERVED
        ),
    ] = None,
    preferred: Annotated[
        str, typer.Option(help="sizes of batches to wait for: 4,8", rich_help_panel=SERVED)
    ] = "",
    delay: Annotated[
        int, typer.Option(help="microseconds a request may wait for others", rich_help_panel=SERVED)
    ] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, gpu or auto: GPUs if any", rich_help_panel=SERVED)
    ] = "auto",
    gpus: Annotated[str, typer.Option(help="which: 0,1", rich_help_panel=SERVED)] = "",
    instances: Annotated[int, typer.Option(help="on each device", rich_help_panel=SERVED)] = 1,
    threads: Annotated[
        int, typer.Option(help="of an instance on a CPU; 0: one a core", rich_help_panel=SERVED)
    ] = 0,
) -> None:
    """Add a model, or the next version of one, to a repository of NVIDIA Triton."""
    from export import intake
    from export.model_config import Serving
    from export.options import Options
    from export.targets import triton as target

    options = Options(
        intake=intake.read(size, batch),
        head=head,
        precision=precision,
        data=data,
        pictures=pictures,
        calibration=calibration,
        accept=accept,
    )
    serving = Serving(
        preferred=_numbers("--preferred", preferred),
        delay=delay,
        device=device,
        gpus=_numbers("--gpus", gpus),
        instances=instances,
        threads=threads,
    )
    order = target.Order(name=name, version=version, max_batch=max_batch, serving=serving)
    print(target.build(source, out or source.parent / "models", options, order))


def _numbers(flag: str, text: str) -> tuple[int, ...]:
    """'4,8' -> 4, 8."""
    if text and not re.fullmatch(r"\d{1,5}(,\d{1,5})*", text):
        raise UserError(f"{flag} {text} is not a list of numbers", hint=f"write {flag} 0,1")
    return tuple(dict.fromkeys(int(word) for word in text.split(",") if word))
