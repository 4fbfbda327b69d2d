"""From checkpoint to artefact: write, verify, and only then publish."""

from __future__ import annotations

from functools import reduce
from operator import add
from pathlib import Path

from export import provenance, report, samples, targets, verify
from export.options import Options
from export.report import Report
from export.sample import measure
from export.targets import Runner
from kernels.errors import RefusedError, UserError, about
from kernels.publish import published
from trainer import checkpoint as checkpoints
from trainer.checkpoint import Checkpoint


def build(
    target_name: str,
    source: Path,
    out: Path,
    options: Options | None = None,
    *,
    known_as: Path | None = None,
) -> Report:
    """Publish `source` as an artefact at `out`, or raise and leave nothing but a report there.

    What is only a step to another artefact is `known_as` that one.
    """
    target, asked = targets.runnable(target_name), options or Options()
    checkpoint = checkpoints.load(source)
    _refuse_place(out, source, target.SUFFIX)
    with published(out) as draft:
        with about(f"{known_as or out} was not written"):
            target.write(checkpoint, draft, asked)
            told = examine(checkpoint, target.opened(draft), asked)
        if not told.agrees:
            raise _refused(told, known_as or out, source, asked)
        target.stamp(draft, {"checkpoint": provenance.digest(source), "verify": told.plain()})
    # A report of an earlier refusal would speak of another file.
    report.place(known_as or out).unlink(missing_ok=True)
    return told


def _refuse_place(out: Path, source: Path, suffix: str) -> None:
    if out.resolve() == source.resolve():
        raise UserError(f"{out} is the checkpoint itself", hint="choose another place with --out")
    if out.suffix.lower() != suffix:
        raise UserError(
            f"--out {out} does not end in {suffix}", hint="the suffix tells readers the kind"
        )


def examine(checkpoint: Checkpoint, run: Runner, options: Options) -> Report:
    """Compare on made-up pictures, and on labelled ones where there are any."""
    taken = options.intake
    verdicts = [
        verify.compare(checkpoint, batch, run(batch)).verdict for batch in verify.pictures(taken)
    ]
    labelled = samples.held_out(checkpoint, options)
    batch = taken.batch[0] if taken.batch else 1
    return Report(
        precision=options.precision,
        verdict=reduce(add, verdicts),
        sample=measure(checkpoint, run, labelled, batch) if labelled else None,
        source=labelled.source if labelled else "",
        accept=options.accept,
    )


def _refused(told: Report, out: Path, source: Path, options: Options) -> RefusedError:
    kept = report.keep(told, out)
    ways = [f"{kept} says where"]
    if told.is_waivable:
        ways.append("--accept publishes it all the same")
    if options.precision == "fp32" and options.intake.fixed_size is None:
        ways.append(verify.HINT)
    return RefusedError(
        f"{out} was not written, because it disagrees with {source}: {'; '.join(told.objections)}",
        hint="; ".join(ways),
    )
