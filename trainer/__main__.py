"""The command line of the trainer: fit, compare, evaluate, inspect, predict, list, export."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated

import typer

from kernels.errors import UserError, reported
from trainer.commands.compare import HELP, TAKES_ALL, compare
from trainer.commands.fit import fit
from trainer.commands.predict import predict
from trainer.commands.scores import print_score

app = typer.Typer(
    help="Train a segmentation model on small pictures; score it and predict at full size.",
    invoke_without_command=True,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataOption = Annotated[str, typer.Option(help="NAME or NAME:WHERE, e.g. folder:DIR")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
CheckpointArgument = Annotated[Path, typer.Argument(metavar="MODEL.ckpt")]


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="say which softres this is")] = False,
) -> None:
    """Train a segmentation model on small pictures; score it and predict at full size."""
    if version:
        from trainer.version import writer

        print(writer())
        raise SystemExit(0)


app.command()(fit)
app.command(help=HELP, context_settings=TAKES_ALL)(compare)


@app.command()
def evaluate(
    checkpoint: CheckpointArgument,
    data: Annotated[str | None, typer.Option(help="default: the data it was trained on")] = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Score a checkpoint at native size against full-size labels."""
    from trainer import checkpoint as checkpoints
    from trainer import data as datasets
    from trainer import devices
    from trainer import evaluate as scoring

    loaded = checkpoints.load(checkpoint)
    dataset = datasets.load(data or loaded.recipe.data)
    if dataset.classes != loaded.contract.classes:
        raise UserError(
            f"{checkpoint} knows {len(loaded.contract.classes)} classes "
            f"({', '.join(loaded.contract.classes[:3])}, ...), the data has "
            f"{len(dataset.classes)} ({', '.join(dataset.classes[:3])}, ...)",
            hint="score it on data with the classes it was trained for",
        )
    network = loaded.network.to(devices.choose(device))
    print_score(scoring.evaluate(network, loaded.contract, dataset, split), split, as_json)


@app.command()
def inspect(
    data: DataOption = "streets",
    out: Annotated[Path | None, typer.Option(help="folder for contact.png")] = None,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="measure ceilings on that many pairs", show_default="all"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a data set: all of its faults, its numbers, and what each factor would keep.

    The exit status is 1 where there are errors.
    """
    from trainer.doctor.command import inspect as looked_at

    raise SystemExit(looked_at(data, out, most, as_json=as_json))


app.command()(predict)


@app.command("list")
def list_parts(as_json: JsonOption = False) -> None:
    """Say which models, data sets and recipes there are."""
    from trainer import catalog, recipe_file

    parts = {kind: catalog.names(kind) for kind in catalog.KINDS}
    if as_json:
        print(json.dumps({**parts, "recipes": recipe_file.names()}))
        return
    for kind, names in parts.items():
        print(f"{kind}:")
        for name in names:
            print(f"  {_first_line(catalog.find(kind, name).__doc__ or '')}")
    print("recipes:")
    for name in recipe_file.names():
        print(f"  {recipe_file.title(name)}")


@app.command(
    "export",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def export_artefact(context: typer.Context) -> None:
    """Write a checkpoint as an artefact: `trainer export onnx model.ckpt`."""
    # By name: the trainer does not depend on the exporter, it only passes the words on.
    importlib.import_module("export.__main__").app(context.args, prog_name="trainer export")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def main() -> None:
    """The console script `trainer`."""
    with reported():
        app()


if __name__ == "__main__":
    main()
