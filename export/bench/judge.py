"""Judges the masks of a row by the gates that let an artefact be published.

Without a checkpoint the first fp32 artefact stands for it: it was verified when it was exported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from export import onnx_file, samples, verify
from export.bench import sessions
from export.bench.plan import Entry, File
from export.bench.process import Process
from export.bench.ways import Pictures
from export.build import examine
from export.intake import Intake
from export.options import Options
from export.report import Report
from export.samples import Labelled
from kernels.artefact import LOGITS, SMALL
from kernels.contract import Contract
from kernels.errors import RefusedError, UserError
from kernels.paint import Mask
from trainer import checkpoint, recipe
from trainer.checkpoint import Checkpoint
from trainer.network import Network
from trainer.score import Truth, scored


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is known of a row's masks; `wrong` says why it must not be timed."""

    wrong: str = ""
    changed: float | None = None  # share of pixels
    miou: float | None = None


@dataclass(kw_only=True)
class Judge:
    """Knows what the masks should be."""

    reference: Checkpoint
    name: str  # of the file that is the reference
    options: Options
    labelled: Labelled | None
    timed: Callable[[int], Pictures]
    # By file and way: what one picture at a time was found to do on labelled pictures.
    _seen: dict[tuple[Path, str], Report] = field(default_factory=dict)
    _scores: dict[Path, float] = field(default_factory=dict)

    def judge(self, entry: Entry, process: Process) -> Judgement:
        """Looks at the row's masks of made-up, timed and labelled pictures."""
        if entry.way == "full-size":
            return Judgement(miou=self._score(entry.file.path, process.mask))
        try:
            told = self._report(entry, process)
        except RefusedError as error:
            return Judgement(wrong=error.message)
        sample = told.sample
        seen = sample.verdict if sample else told.verdict
        return Judgement(
            wrong="; ".join(told.objections if sample else _known(told)),
            changed=seen.changed / seen.pixels,
            miou=sample.scores[1] if sample else None,
        )

    def _report(self, entry: Entry, process: Process) -> Report:
        key, taken = (entry.file.path, entry.way), entry.file.intake
        fixed = replace(taken, batch=(entry.batch, entry.batch))
        before = self._seen.get(key)
        options = replace(
            self.options,
            intake=fixed,
            precision=entry.file.precision,
            # What more pictures at once do, made-up ones tell.
            data=samples.NOTHING if before or not self.labelled else self.options.data,
        )
        told = examine(self.reference, process.answer, options)
        timed = self.timed(entry.batch)
        compared = verify.compare(self.reference, timed, process.answer(timed))
        told = replace(told, verdict=told.verdict + compared.verdict)
        if before:
            told = replace(told, sample=before.sample, source=before.source)
        return self._seen.setdefault(key, told) if not before else told

    def _score(self, file: Path, mask: Callable[[Pictures], Mask]) -> float | None:
        """mIoU at native size."""
        if self.labelled is None:
            return None
        if file not in self._scores:
            classes = self.reference.contract.classes
            total = np.zeros((2, len(classes), len(classes)), np.int64)
            for pair in self.labelled.pairs:
                sample = pair.read()
                truth = Truth(sample.labels, len(classes), self.labelled.ignore)
                total += truth.against(mask(sample.picture[None])[0])
            self._scores[file] = scored(classes, total).mean_iou
        return self._scores[file]


def _known(told: Report) -> list[str]:
    """Objections, but not that there were no labelled pictures: the exporter had some."""
    return [each for each in told.objections if "without labelled pictures" not in each]


class _StandIn(nn.Module):
    """The network of an artefact in a checkpoint's place."""

    def __init__(self, file: Path, threads: int) -> None:
        super().__init__()
        model = onnx_file.read(file).model
        sessions.leave_network(model, file)
        self._file, self._session = file, sessions.opened(model, threads)

    def forward(self, small: Tensor) -> Tensor:
        """0..255 [N,h,w,3] -> logits."""
        try:
            (logits,) = self._session.run([LOGITS], {SMALL: small.numpy().astype(np.float32)})
        # ONNX Runtime's errors have no class in common below Exception.
        except Exception as error:
            raise UserError(
                f"there is nothing to compare its masks with: {self._file.name} does not take "
                f"such pictures ({str(error).strip().splitlines()[0]})",
                hint="name the checkpoint with --checkpoint",
            ) from None
        return torch.from_numpy(logits)


def reference(found: list[File], threads: int) -> tuple[Checkpoint, str]:
    """What all masks are compared with, and the name of its file."""
    for file in found:
        if file.path.suffix.lower() == ".ckpt":
            return checkpoint.load(file.path), file.path.name
    # One that takes pictures of every shape, if there is one: others are of other shapes.
    for file in sorted(found, key=lambda file: file.intake != Intake()):
        verified = file.build.get("verify", {}).get("agrees")
        if file.path.suffix.lower() == ".onnx" and file.precision == "fp32" and verified:
            return _stand_in(file, threads), file.path.name
    raise UserError(
        "there is nothing to compare the masks with",
        hint="name the checkpoint with --checkpoint, or give an fp32 .onnx artefact too",
    )


def _stand_in(file: File, threads: int) -> Checkpoint:
    read = onnx_file.read(file.path)
    return Checkpoint(
        network=cast(Network, _StandIn(file.path, threads)),
        contract=Contract.from_json(read.contract),
        recipe=recipe.from_plain(read.build["recipe"]),
        steps_done=int(read.build.get("steps", 0)),
    )
