"""The command line of the trainer: fit, evaluate, inspect, predict, list, export."""

from __future__ import annotations

import importlib
import json
import math
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kernels.errors import UserError, one_of, reported

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
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
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


@app.command()
def fit(
    factor: Annotated[
        str, typer.Option(help="share of each side that is kept: 1/4, 0.25, 2/5")
    ] = "1/4",
    data: DataOption = "streets",
    model: Annotated[str, typer.Option(help="see `trainer list`")] = "compact",
    steps: Annotated[
        int | None, typer.Option(help="batches to learn from", show_default="1000")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="the same in passes over the data")] = None,
    batch: Annotated[int, typer.Option(help="pictures a step")] = 8,
    learning_rate: Annotated[float, typer.Option(help="highest of the schedule")] = 3e-3,
    seed: Annotated[int, typer.Option(help="same seed, same model (on the CPU)")] = 0,
    out: Annotated[Path, typer.Option(help="the checkpoint to write")] = Path("model.ckpt"),
    runs: Annotated[Path, typer.Option(help="parent of the run's folder")] = Path("runs"),
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Train a model on reduced pictures and leave a checkpoint."""
    from kernels.factor import read
    from trainer import data as datasets
    from trainer import fit as fitting
    from trainer.recipe import Recipe, steps_of

    exact, chosen = read(factor), _device(device)
    # A job that is told to end is a wish to stop like any other: what was learned is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    dataset = datasets.load(data)
    count = steps_of(steps, epochs, len(dataset.split("train")), batch)
    recipe = Recipe(
        data=data,
        factor=exact,
        model=model,
        steps=count,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
    )
    outcome = fitting.fit(recipe, dataset, out=out, runs=runs, device=chosen)
    if outcome.score is not None:
        _print_score(outcome.score, outcome.scored_on, as_json)
    if outcome.interrupted:
        raise SystemExit(130)


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
    network = loaded.network.to(_device(device))
    _print_score(scoring.evaluate(network, loaded.contract, dataset, split), split, as_json)


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


@app.command()
def predict(
    checkpoint: CheckpointArgument,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="a .png for one picture, a folder for more; default: PICTURE-mask.png here"
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Write the full-size mask of each picture as an index PNG in the classes' colours.

    A photo with an EXIF orientation is turned upright first; its mask is upright too.
    """
    from trainer import checkpoint as checkpoints
    from trainer import data as datasets
    from trainer import evaluate as scoring
    from trainer import pictures as drawing

    loaded = checkpoints.load(checkpoint)
    network = loaded.network.to(_device(device))
    failed = 0
    for picture, target in zip(pictures, _targets(pictures, out), strict=True):
        try:
            mask = scoring.predict(network, loaded.contract, datasets.read_picture(picture))
        except UserError as error:
            # One bad picture among many does not cost the others their masks.
            failed += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        drawing.write_mask(mask, loaded.contract, target)
        print(target)
    if failed:
        raise UserError(f"{failed} of {len(pictures)} pictures have no mask")


@app.command("list")
def list_parts(as_json: JsonOption = False) -> None:
    """Say which models and data sets there are."""
    from trainer import catalog

    parts = {kind: catalog.names(kind) for kind in catalog.KINDS}
    if as_json:
        print(json.dumps(parts))
        return
    for kind, names in parts.items():
        print(f"{kind}:")
        for name in names:
            print(f"  {_first_line(catalog.find(kind, name).__doc__ or '')}")


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


def _device(name: str) -> str:
    """A device torch can use here, or an error that says which there are."""
    import torch

    kind, colon, index = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (colon and kind != "cuda"):
        hint = "an NVIDIA GPU is called cuda" if kind == "gpu" else ""
        raise one_of("device", name, ["auto", "cpu", "cuda"], hint=hint)
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device here", hint="use --device cpu or auto")
    if colon and not (index.isdecimal() and int(index) < torch.cuda.device_count()):
        raise UserError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices")
    return name


def _targets(pictures: list[Path], out: Path | None) -> list[Path]:
    """Where each mask goes; two masks in one place, or one over its picture, is an error."""
    if out is not None and len(pictures) == 1 and out.suffix.lower() == ".png":
        targets = [out]
    elif out is not None and out.suffix.lower() in PICTURE_SUFFIXES:
        raise UserError(
            f"--out {out} is neither a .png nor a folder",
            hint="a mask is a PNG; more need a folder",
        )
    else:
        folder = out or Path()
        targets = [folder / f"{picture.stem}-mask.png" for picture in pictures]
    if len(set(targets)) < len(targets):
        raise UserError(
            "two pictures have the same name, so their masks would overwrite each other",
            hint="predict them one by one with --out",
        )
    resolved = {picture.resolve() for picture in pictures}
    if any(target.resolve() in resolved for target in targets):
        raise UserError("a mask would overwrite a picture", hint="choose another --out")
    return targets


def _print_score(score: Any, split: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"split": split, **score.plain()}))
        return
    told = zip(score.classes, score.iou, score.boundary_iou, strict=True)
    rows = [*told, ("mean IoU", score.mean_iou, score.mean_boundary_iou)]
    title = f"{split} split, native size"
    width = max(len(title), *(len(name) + 2 for name in score.classes))
    print(f"{title:{width}}{'IoU':>8}{'at boundaries':>16}")
    for name, value, near in rows:
        print(f"  {name:{width - 2}}{_percent(value):>8}{_percent(near):>16}")
    print(f"  {'pixels right':{width - 2}}{_percent(score.accuracy):>8}")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def main() -> None:
    """The console script `trainer`."""
    with reported():
        app()


if __name__ == "__main__":
    main()
