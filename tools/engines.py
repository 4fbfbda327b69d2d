"""Builds a TensorRT-RTX engine of every model in every precision, without a GPU; prints a table.

The weights are fresh: what a parser takes and what a builder makes of it do not depend on them.
The exit code is 1 where a model gives no engine, or one of other kinds of number than asked for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import kernels
from export import flavour, intake, onnx_file, precisions, switches, verify
from export.flavour import Flavour
from export.geometry import Body
from export.options import Options
from export.targets import onnx as onnx_target
from export.targets import trt
from export.targets.trt import Order
from export.trace import trace
from kernels import engine
from kernels.contract import Contract
from kernels.errors import UserError, reported
from trainer import network, recipe_file, streets
from trainer.checkpoint import Checkpoint
from trainer.recipe import Recipe
from trainer.version import writer

MODELS = ("compact", "lite0-strided", "hrnetv2-w18", "deeplabv3plus-resnet50")
TITLE = "| model | precision | batch | CPU s | MiB of plan | layers | convolutions |"


def main() -> None:
    """A row an engine, as soon as it is built."""
    given = _arguments()
    with reported():
        found = flavour.find("rtx")
        if not isinstance(found, Flavour):
            raise UserError(found.reason)
        settings = switches.Settings(architectures=switches.read_architectures(given.arch))
        print(f"TensorRT-RTX {found.version}, {given.arch}, pictures of {given.size}\n")
        print(TITLE, "|---|---|---|---|---|---|---|", sep="\n", flush=True)
        failed = [
            told
            for model in given.models
            for told in rows(found, model, given, Order(flavour="rtx", settings=settings))
        ]
    for told in failed:
        print(f"error: {told}", file=sys.stderr)
    raise SystemExit(bool(failed))


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("models", nargs="*", default=MODELS)
    words.add_argument("--precisions", nargs="+", default=precisions.names())
    words.add_argument("--batches", nargs="+", default=["1..4"])
    words.add_argument("--size", default="512x1024")
    words.add_argument("--arch", default="sm86,sm120")
    return words.parse_args()


def rows(found: Flavour, model: str, given: Any, order: Order) -> Iterator[str]:
    """Print the rows of a model, which is traced once; give what failed."""
    fresh = fresh_checkpoint(model)
    begin = time.process_time()
    body = trace(fresh.network, fresh.contract, intake.Intake())
    print(f"| {model} | traced | | {time.process_time() - begin:.1f} | | | |", flush=True)
    for precision in given.precisions:
        for batch in given.batches:
            options = Options(intake=intake.read(given.size, batch), precision=precision)
            cells = f"{model} | {precision} | {batch}"
            try:
                told = build(found, fresh, body, options, order)
            except UserError as error:
                print(f"| {cells} | none | | | |", flush=True)
                yield f"{model}, {precision}, batch {batch}: {error.message}"
            else:
                print(f"| {cells} | {told} |", flush=True)


def fresh_checkpoint(model: str) -> Checkpoint:
    """A checkpoint as if after no step, with the classes of `streets`."""
    recipe = Recipe(**{**recipe_file.default({"model": model}), "model": model})
    contract = Contract(
        classes=streets.CLASSES,
        palette=streets.PALETTE,
        factor=recipe.factor,
        sight=recipe.effective_sight,
        ignore=streets.IGNORE,
        writer=writer(),
    )
    built = network.build(model, len(contract.classes), sight=contract.sight).eval()
    return Checkpoint(network=built, contract=contract, recipe=recipe, steps_done=0)


def build(found: Flavour, fresh: Checkpoint, body: Body, options: Options, order: Order) -> str:
    """Write the ONNX and its engine as the exporter does; the cells of what came out."""
    begin = time.process_time()
    seen = MadeUp(body=body, contract=fresh.contract)
    with TemporaryDirectory() as folder:
        source, out = Path(folder) / "model.onnx", Path(folder) / "model.trt"
        onnx.save_model(onnx_target.composed(fresh, body, options, seen), source)
        trt.assemble(found, onnx_file.read(source), options.intake, out, order)
        opened = engine.read(out)
        size, told = len(opened.plan()) / 2**20, opened.build["network"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["convolutions"].items())
    return f"{time.process_time() - begin:.1f} | {size:.1f} | {told['layers']} | {kinds}"


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """Pictures for int8 to look at: an engine needs some scale, a trained model good ones."""

    body: Body
    contract: Contract

    @property
    def facts(self) -> dict[str, Any]:
        """Which pictures these are."""
        return {"data": "made up", "pictures": len(self)}

    def __len__(self) -> int:
        return 1

    def read(self) -> Iterator[NDArray[np.float32]]:
        """One, shrunk and normalised."""
        picture = verify.pictures()[0][0]
        yield self.body.picture_of(kernels.seen(picture, self.contract))


if __name__ == "__main__":
    main()
