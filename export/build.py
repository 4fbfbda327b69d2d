"""From checkpoint to artefact: write, verify, and only then publish."""

from __future__ import annotations

from functools import reduce
from operator import add
from pathlib import Path

from export import targets, verify
from export.verify import Verdict
from kernels.errors import RefusedError, UserError
from kernels.publish import published
from trainer import checkpoint as checkpoints


def build(target_name: str, source: Path, out: Path) -> Verdict:
    """Publish `source` as an artefact at `out`, or raise and leave nothing there."""
    target = targets.find(target_name)
    checkpoint = checkpoints.load(source)
    if out.resolve() == source.resolve():
        raise UserError(f"{out} is the checkpoint itself", hint="choose another place with --out")
    if out.suffix.lower() != target.SUFFIX:
        raise UserError(
            f"--out {out} does not end in {target.SUFFIX}", hint="the suffix tells readers the kind"
        )
    with published(out) as draft:
        target.write(checkpoint, draft)
        verdict = reduce(
            add,
            (
                verify.compare(checkpoint, batch, target.run(draft, batch))
                for batch in verify.pictures()
            ),
        )
        if not verdict.agrees:
            raise RefusedError(
                f"{out} was not written, because it disagrees with {source}: {verdict}",
                hint="report this with the checkpoint; a retry will not help",
            )
    return verdict
