"""Exports trained models in every precision, and prints what each one costs in pixels and mIoU.

Trains what is missing, verifies each artefact on labelled pictures, and leaves checkpoints,
artefacts and logs in the folder of `--out`. Ended, it goes on where it was. Words it does not know
go to `trainer fit`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import onnx_file, precisions, report

MODELS = ("compact", "lite0-strided", "hrnetv2-w18", "deeplabv3plus-resnet50")
WORDS = "words.json"
HEADINGS = ("model", "precision", "changed pixels", "mIoU torch", "mIoU artefact", "MB", "outcome")
REFUSED = 1


def main() -> None:
    """Make what is missing, and print the table."""
    given, more = _arguments()
    fit = ["--data", given.data, "--factor", given.factor, "--steps", str(given.steps), *more]
    export = ["--pictures", str(given.pictures), "--calibration", str(given.calibration)]
    _settle(given.out, [*fit, *export])
    for model in given.models:
        train(given.out, model, fit)
        for precision in given.precisions:
            if told(given.out, model, precision) is None:
                write(given.out, model, precision, export)
            print(row(given.out, model, precision), file=sys.stderr, flush=True)
    print(table(given.out, given.models, given.precisions))


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--models", nargs="+", default=MODELS)
    words.add_argument("--precisions", nargs="+", default=precisions.names())
    words.add_argument("--data", default="streets")
    words.add_argument("--factor", default="1/4")
    words.add_argument("--steps", type=int, default=600)
    words.add_argument("--pictures", type=int, default=16, help="labelled, to verify with")
    words.add_argument("--calibration", type=int, default=100, help="that int8 looks at")
    words.add_argument("--out", type=Path, default=Path("runs/precisions"))
    return words.parse_known_args()


def _settle(out: Path, words: list[str]) -> None:
    """What is in one table was all given the same words."""
    path = out / WORDS
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(words), encoding="utf-8")
    before = json.loads(path.read_text(encoding="utf-8"))
    if before != words:
        raise SystemExit(f"{out} holds models with {' '.join(before)}: choose another --out")


def place(out: Path, model: str) -> Path:
    """The folder of one model."""
    return out / re.sub(r"[^a-z0-9.=]+", "-", model.lower())


def train(out: Path, model: str, words: Sequence[str]) -> None:
    """The checkpoint of a model, or what is left of its training."""
    folder = place(out, model)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "model.ckpt").exists():
        return
    begun = sorted((folder / "runs").glob("*/last.ckpt"), key=lambda path: path.stat().st_mtime)
    command = ["fit", *words, "--model", model, "--runs", str(folder / "runs")]
    command += ["--out", str(folder / "model.ckpt")]
    command += ["--resume", str(begun[-1].parent)] if begun else []
    if _run(folder, command):
        raise SystemExit(f"{model} was not trained: see {folder}/log.txt")


def write(out: Path, model: str, precision: str, words: Sequence[str]) -> None:
    """The artefact of a model in a precision, or the report of why there is none."""
    folder = place(out, model)
    command = ["export", "onnx", str(folder / "model.ckpt"), "--precision", precision, *words]
    code = _run(folder, [*command, "--out", str(folder / f"{precision}.onnx")])
    if code not in (0, REFUSED):
        raise SystemExit(f"{model} in {precision} has failed: see {folder}/log.txt")


def _run(folder: Path, words: Sequence[str]) -> int:
    print("$ trainer", *words, file=sys.stderr, flush=True)
    with (folder / "log.txt").open("ab") as log:
        command = [sys.executable, "-m", "trainer", *words]
        return subprocess.run(command, stdout=log, stderr=log, check=False).returncode


def told(out: Path, model: str, precision: str) -> dict[str, Any] | None:
    """What verifying came to, where it was done."""
    artefact = place(out, model) / f"{precision}.onnx"
    if artefact.exists():
        verdict: dict[str, Any] = onnx_file.read(artefact).build["verify"]
        return verdict | {"bytes": artefact.stat().st_size}
    refused = report.place(artefact)
    if refused.exists():
        kept: dict[str, Any] = json.loads(refused.read_text(encoding="utf-8"))
        return kept
    return None


def row(out: Path, model: str, precision: str) -> str:
    """One line of the table."""
    verdict = told(out, model, precision)
    seen = verdict and verdict["labelled"]
    if not verdict or not seen:
        return f"| `{model}` | {precision} |" + " not measured |" * (len(HEADINGS) - 2)
    cells = [
        f"{100 * seen['changed'] / seen['pixels']:.3f} %",
        f"{100 * seen['miou_checkpoint']:.2f}",
        f"{100 * seen['miou_artefact']:.2f}",
        f"{verdict['bytes'] / 1e6:.1f}" if "bytes" in verdict else "-",
        "published" if verdict["agrees"] else f"refused: {'; '.join(verdict['objections'])}",
    ]
    return f"| `{model}` | {precision} | " + " | ".join(cells) + " |"


def table(out: Path, models: Sequence[str], wanted: Sequence[str]) -> str:
    """A row a model and precision."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [row(out, model, precision) for model in models for precision in wanted]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
