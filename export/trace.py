"""Traces the body of a network into ONNX: normalised picture in, scores out.

The body alone, because its sides are always multiples of a known number: so tracing needs no
arithmetic of sizes, and what pads and crops is written by `export.geometry`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any, cast

import torch
from torch import nn

from export.geometry import PICTURE, SCORES, Body
from export.intake import Intake
from kernels.contract import Contract
from kernels.errors import RefusedError, UserError
from trainer.network import Network

# In multiples of what the body takes; two different ones, so that no axis is mistaken for another.
EXAMPLE = (4, 5)


def trace(network: Network, contract: Contract, intake: Intake) -> Body:
    """The body at any batch and size, but for what `intake` fixes."""
    body, multiple = network.eval().body, network.body.multiple
    with _quiet(), _refusing(intake):
        program = torch.onnx.export(
            cast(nn.Module, body),
            (torch.zeros(_example(contract, intake, multiple)),),
            dynamo=True,
            dynamic_shapes=(_axes(intake, multiple),),
            input_names=[PICTURE],
            output_names=[SCORES],
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise UserError("torch.onnx.export gave no program for this network")
    return Body(
        model=program.model_proto,
        mean=network.mean.flatten().numpy(),
        spread=network.spread.flatten().numpy(),
        multiple=multiple,
        stride=body.stride,
    )


def _example(contract: Contract, intake: Intake, multiple: int) -> tuple[int, int, int, int]:
    # A dimension of size 1 would be taken for a constant: two pictures.
    batch = intake.fixed_batch or 2
    if intake.fixed_size is None:
        return batch, 3, EXAMPLE[0] * multiple, EXAMPLE[1] * multiple
    height, width = (
        -(side // -multiple) * multiple for side in contract.seen_size(intake.fixed_size)
    )
    return batch, 3, height, width


def _axes(intake: Intake, multiple: int) -> dict[int, Any]:
    """The axes that may have any length, or any multiple of what the body takes."""
    axes: dict[int, Any] = {}
    if intake.fixed_batch is None:
        axes[0] = torch.export.Dim("n")
    if intake.fixed_size is None:
        for axis, name in ((2, "h"), (3, "w")):
            side = torch.export.Dim(name)
            axes[axis] = side if multiple == 1 else multiple * side
    return axes


@contextmanager
def _refusing(intake: Intake) -> Iterator[None]:
    """Turn what torch's exporter raises into an error that says why and what may do instead."""
    try:
        yield
    except torch.onnx.OnnxExporterError as error:
        why = str(error.__cause__ or error).strip().splitlines()[0]
        is_free = intake.fixed_size is None or intake.fixed_batch is None
        raise RefusedError(
            f"torch cannot write this network as ONNX ({why})",
            hint="some write for one size alone: try --size 512x1024 --batch 1"
            if is_free
            else "train another model: `trainer list` names those that are exported",
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporter from talking of operators that nobody uses, and of its own code."""
    logging.disable(logging.ERROR)
    try:
        # Where it fails it prints programs; what it raises says why.
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
