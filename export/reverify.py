"""`export verify`: judges an artefact that is already there, beside the checkpoint it is from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export import intake, provenance, report, targets
from export.build import examine
from export.options import Options
from export.report import Report
from export.targets import Runnable
from kernels.errors import RefusedError, UserError
from trainer import checkpoint as checkpoints


def reverify(artefact: Path, source: Path | None, data: str, pictures: int) -> Report:
    """Compare again, perhaps on other pictures; what fails is an error and leaves a report."""
    target = targets.of(artefact)
    if not isinstance(target, Runnable):
        raise UserError(
            f"{artefact}: what is verified is the ONNX artefact that it was built from",
            hint="name its model.onnx; out of an engine's file it is taken by "
            "unzip -p FILE.trt model.onnx > FILE.onnx",
        )
    build = target.inspect(artefact)["build"]
    place = source or artefact.with_suffix(".ckpt")
    _refuse_other(place, artefact, build)
    options = Options(
        intake=intake.read(build.get("size", "dynamic"), build.get("batch", "dynamic")),
        precision=build.get("precision", "fp32"),
        head=build.get("head", "mask"),
        data=data,
        pictures=pictures,
    )
    told = examine(checkpoints.load(place), target.opened(artefact), options)
    if not told.agrees:
        kept = report.keep(told, artefact)
        raise RefusedError(
            f"{artefact} disagrees with {place}: {'; '.join(told.objections)}",
            hint=f"{kept} says where",
        )
    return told


def _refuse_other(checkpoint: Path, artefact: Path, build: dict[str, Any]) -> None:
    if not checkpoint.is_file():
        raise UserError(
            f"{checkpoint}: no such checkpoint to compare {artefact} with",
            hint="name the one it was exported from with --checkpoint",
        )
    ours, theirs = provenance.digest(checkpoint), build.get("checkpoint")
    if ours != theirs:
        raise UserError(
            f"{artefact} was exported from another checkpoint: sha256 {theirs or 'not recorded'}, "
            f"{checkpoint} has {ours}",
            hint="name the one it was exported from with --checkpoint",
        )
