"""What is compared: every file each way it can be run here, and why not the other ways."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import flavour, intake, onnx_file, provenance
from export.bench import ways
from export.intake import Intake, Size
from kernels import engine, threads
from kernels.errors import UserError

# Of one file, in this order: what is served, what the file does alone, what people do without it.
ORDER = ("paint", "graph", "cuda-paint", "cuda", "eager", "full-size")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asks for."""

    artefacts: tuple[Path, ...]
    checkpoint: Path | None = None
    data: str = ""
    pictures: int = intake.PICTURES
    size: Size | None = None
    batches: tuple[int, ...] = (1,)
    seconds: float = 5.0
    threads: int = 1


def request(
    artefacts: list[Path],
    checkpoint: Path | None,
    data: str,
    pictures: int,
    size: str,
    batch: str,
    seconds: float,
) -> Request:
    """The request of the command line."""
    counts = [intake.read(intake.DYNAMIC, word.strip()).fixed_batch for word in batch.split(",")]
    batches = [count for count in counts if count is not None]
    taken = intake.read(size or intake.DYNAMIC, "1")
    if len(batches) < len(counts) or (size and taken.fixed_size is None):
        raise UserError(
            f"--batch {batch} and --size {size} are not what is timed: that is one shape each",
            hint="write --batch 1,4 --size 1024x2048",
        )
    return Request(
        artefacts=tuple(artefacts),
        checkpoint=checkpoint,
        data=data,
        pictures=pictures,
        size=taken.fixed_size,
        batches=tuple(sorted(set(batches))),
        seconds=seconds,
        threads=threads.count(),
    )


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to run, and what it says of itself."""

    path: Path
    build: dict[str, Any]

    @property
    def precision(self) -> str:
        """Which gate its masks have to pass."""
        return str(self.build.get("precision", "fp32"))

    @property
    def intake(self) -> Intake:
        """Which pictures it takes."""
        dynamic = intake.DYNAMIC
        return intake.read(self.build.get("size", dynamic), self.build.get("batch", dynamic))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row to be measured."""

    file: File
    way: str
    batch: int

    @property
    def title(self) -> str:
        """The way, for people."""
        return ways.find(self.way).TITLE


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A row that there is not."""

    file: str
    way: str
    reason: str


def files(request: Request) -> list[File]:
    """The artefacts and the checkpoint, all of one training."""
    found = [File(path=path, build=_build(path)) for path in request.artefacts]
    digests = {str(file.build.get("checkpoint", "not recorded")): file.path for file in found}
    if request.checkpoint is not None:
        if not request.checkpoint.is_file():
            raise UserError(f"{request.checkpoint}: no such checkpoint")
        found.append(File(path=request.checkpoint, build={}))
        digests[provenance.digest(request.checkpoint)] = request.checkpoint
    if len(digests) > 1:
        one, other, *_ = digests.values()
        raise UserError(
            f"{one} and {other} are of two checkpoints, and their masks cannot be compared",
            hint="call bench once for each",
        )
    return found


def _build(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return onnx_file.read(path).build
    if suffix == ".trt":
        build: dict[str, Any] = engine.read(path).build
        return {**build, "checkpoint": build.get("onnx", {}).get("checkpoint", "not recorded")}
    raise UserError(
        f"{path}: bench takes artefacts (.onnx, .trt)",
        hint="name the checkpoint with --checkpoint",
    )


def entries(found: list[File], request: Request, size: Size) -> tuple[list[Entry], list[Absence]]:
    """The rows there are, and those there are not."""
    there, absent = list[Entry](), list[Absence]()
    for file in found:
        suffix = file.path.suffix.lower()
        if suffix == ".trt":
            absent.append(Absence(file=file.path.name, way="engine", reason=_no_engine()))
        for name in (name for name in ORDER if suffix == ways.find(name).SUFFIX):
            kind = ways.find(name)
            reason = kind.obstacle(file.build) or _unfit(file, request, size)
            if reason:
                absent.append(Absence(file=file.path.name, way=kind.TITLE, reason=reason))
                continue
            there += [Entry(file=file, way=name, batch=batch) for batch in request.batches]
    return there, absent


def _no_engine() -> str:
    if flavour.gpu_architecture() is None:
        return "there is no GPU here"
    return "bench does not run engines"


def _unfit(file: File, request: Request, size: Size) -> str:
    """Why it does not take what is asked of all."""
    taken = file.intake
    fits = all(
        taken.batch is None or taken.batch[0] <= batch <= taken.batch[1]
        for batch in request.batches
    )
    if fits and taken.takes(size):
        return ""
    return f"it takes {json.dumps(taken.plain())} alone"
