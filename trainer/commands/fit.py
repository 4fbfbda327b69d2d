"""`trainer fit`: a recipe from a file and flags, and a run of it, begun or gone on with."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from kernels.errors import UserError
from kernels.factor import read as read_factor
from trainer.commands.scores import print_score

OPTIMISING, FEW_LABELS, VIEWS, TARGETS, LOOKS, COMPUTING = (
    "Optimising",
    "Few labels",
    "Views",
    "Labels and loss",
    "Looks at the validation split",
    "Computing and keeping",
)


def _option(panel: str, text: str, default: Any = None) -> Any:
    shown = str(default) if default is not None else None
    return typer.Option(help=text, rich_help_panel=panel, show_default=shown or False)


def fit(
    context: typer.Context,
    factor: Annotated[
        str | None, typer.Option(help="share of each side kept: 1/4, 0.25", show_default="1/4")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="NAME or NAME:WHERE, e.g. folder:DIR", show_default="streets"),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="see `trainer list`", show_default="lite0-strided")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="a NAME of `trainer list` or a TOML file; flags win over it")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="go on with a run: its folder, or `last`")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="batches to learn from", show_default="1000")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="the same in passes over the data")] = None,
    batch: Annotated[int | None, typer.Option(help="pictures a step", show_default="8")] = None,
    seed: Annotated[
        int | None, typer.Option(help="same seed, same model (on the CPU)", show_default="0")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="the checkpoint to write", show_default="model.ckpt")
    ] = None,
    runs: Annotated[Path, typer.Option(help="parent of the run's folder")] = Path("runs"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, no table")] = False,
    weights: Annotated[
        str | None,
        _option(
            OPTIMISING,
            "pre-trained ones to begin with: a file; auto: those that a package brings for the "
            "model, if any; none",
            "auto",
        ),
    ] = None,
    optimiser: Annotated[str | None, _option(OPTIMISING, "adamw or sgd", "adamw")] = None,
    learning_rate: Annotated[
        float | None, _option(OPTIMISING, "highest of the schedule", "0.001 for lite0*, else 0.003")
    ] = None,
    head_rate: Annotated[
        float | None,
        _option(OPTIMISING, "the head learns that many times as fast", "3 for lite0*, else 1"),
    ] = None,
    momentum: Annotated[float | None, _option(OPTIMISING, "of sgd", 0.9)] = None,
    weight_decay: Annotated[float | None, _option(OPTIMISING, "pull to zero", 0.01)] = None,
    decay_on: Annotated[
        str | None, _option(OPTIMISING, "all, or matrices: not norms and biases", "all")
    ] = None,
    schedule: Annotated[
        str | None, _option(OPTIMISING, "cosine, poly or one-cycle", "cosine")
    ] = None,
    warm_up: Annotated[float | None, _option(OPTIMISING, "share of steps to climb", 0.05)] = None,
    power: Annotated[float | None, _option(OPTIMISING, "of poly", 0.9)] = None,
    clip: Annotated[
        float | None, _option(OPTIMISING, "cut longer gradients to this; 0: none", 0)
    ] = None,
    ema: Annotated[
        float | None, _option(OPTIMISING, "average the weights, e.g. 0.999; 0: do not", 0)
    ] = None,
    method: Annotated[
        str | None,
        _option(
            FEW_LABELS,
            "see `trainer list`; NAME:option=value,... for other options",
            "soft; unimatch where there are unlabelled pictures",
        ),
    ] = None,
    labelled: Annotated[
        str | None,
        _option(
            FEW_LABELS,
            "share of the training list that keeps its labels, drawn by seed, or a list file",
            1,
        ),
    ] = None,
    unlabelled: Annotated[
        str | None, _option(FEW_LABELS, "a folder of pictures to learn from without labels")
    ] = None,
    sight: Annotated[
        int | None,
        _option(
            VIEWS,
            "the network sees the picture that many times as fine as its labels, as far as full "
            "size allows",
            "2 for lite0-strided, else 1",
        ),
    ] = None,
    crop: Annotated[
        float | None, _option(VIEWS, "side of a crop / side of its picture", 0.75)
    ] = None,
    zoom: Annotated[
        float | None,
        _option(VIEWS, "a crop's factor goes up to factor*zoom, never past full size", 1.33),
    ] = None,
    zoom_from: Annotated[
        float | None, _option(VIEWS, "and down to factor*zoom-from", "1/zoom")
    ] = None,
    jitter: Annotated[
        float | None, _option(VIEWS, "strength of colour jitter, e.g. 0.25", 0)
    ] = None,
    class_uniform: Annotated[
        float | None,
        _option(
            VIEWS,
            "share of crops centred on a pixel of a class, all alike",
            "0.5 for lite0*, else 0",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        _option(
            TARGETS,
            "area, bilinear, bilinear-aa, nearest, nearest-random, majority; full: labels at full "
            "size, logits brought up to them",
            "area",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        _option(TARGETS, "ce, kl (ce less entropy) or jdt (Jaccard)", "jdt for lite0*, else ce"),
    ] = None,
    class_weights: Annotated[
        str | None, _option(TARGETS, "none, or balanced by how rare a class is", "none")
    ] = None,
    ohem: Annotated[
        float | None, _option(TARGETS, "learn from this share of the cells, the hardest", 1)
    ] = None,
    validate_every: Annotated[
        int | None, _option(LOOKS, "steps from look to look", "a fifth of them")
    ] = None,
    validate_pairs: Annotated[
        int | None, _option(LOOKS, "pairs a look, evenly spaced; 0: all", 10)
    ] = None,
    early_stop: Annotated[
        int | None, _option(LOOKS, "end after so many looks without a better score; 0: never", 0)
    ] = None,
    precision: Annotated[str | None, _option(COMPUTING, "fp32, bf16 or fp16", "fp32")] = None,
    accumulate: Annotated[
        int | None,
        _option(
            COMPUTING,
            "learn a batch in so many parts: less memory; batch norm, jdt and ohem see a part",
            1,
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        _option(COMPUTING, "folder of decoded training pictures: no decoding after the first pass"),
    ] = None,
    save_every: Annotated[
        str, _option(COMPUTING, "keep the state for --resume: 30s, 5min, 2h, or 500 steps", "5min")
    ] = "5min",
) -> None:
    """Train a model on reduced pictures and leave a checkpoint.

    Several GPUs: torchrun --nproc-per-node N -m trainer fit ...
    """
    # A job that is told to end is a wish to stop like any other: what was learned is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = {name: value for name, value in context.params.items() if value is not None}
    outcome = train(given, device)
    if outcome.score is not None and outcome.run.writes:
        print_score(outcome.score, outcome.scored_on, as_json, outcome.cost)
    if outcome.interrupted:
        raise SystemExit(130)


def train(given: dict[str, Any], device: str) -> Any:
    """Train as the flags say."""
    from trainer import data as datasets
    from trainer import devices, resume
    from trainer import fit as fitting
    from trainer.cache import cached
    from trainer.keeper import Interval
    from trainer.ranks import joined

    every = Interval.read(given["save_every"])
    fields = fields_of(given)
    state = None
    if "resume" in given:
        state = resume.load(resume.find(given["resume"], given["runs"]))
    if state is None:
        refuse_missing_weights(fields)
    with joined(devices.choose(device)) as (ranks, own):
        begun_on = state.recipe.data if state else "streets"
        with ranks.leader_first():
            dataset = datasets.load(fields.get("data", begun_on))
            if "cache" in given:
                dataset = cached(dataset, given["cache"])
        recipe = recipe_of(fields, len(dataset.split("train")), state)
        out = given.get("out") or (state.out if state else Path("model.ckpt"))
        return fitting.fit(
            recipe,
            dataset,
            out=out,
            runs=given["runs"],
            device=own,
            state=state,
            save_every=every,
            ranks=ranks,
        )


def refuse_missing_weights(fields: dict[str, Any]) -> None:
    """Raise, before any data is drawn or read, where the model's own weights are not installed."""
    from trainer import public_weights
    from trainer.recipe import Recipe

    public_weights.chosen(fields.get("weights", Recipe.weights), fields.get("model", Recipe.model))


def fields_of(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that flags say, and under them those of a recipe file."""
    from trainer import recipe_file

    fields = {name: value for name, value in given.items() if name in recipe_file.TYPES}
    if "factor" in fields:
        fields["factor"] = read_factor(fields["factor"])
    if "steps" in fields and "epochs" in fields:
        raise UserError("--steps and --epochs say the same thing", hint="give one of them")
    if "recipe" in given:
        fields = recipe_file.merged(recipe_file.read(given["recipe"]), fields)
    # A run that goes on has all its fields already.
    return fields if "resume" in given else recipe_file.merged(recipe_file.default(fields), fields)


def recipe_of(fields: dict[str, Any], pairs: int, state: Any) -> Any:
    """The recipe of `fields`; what they leave open is as the run to go on with has it."""
    from trainer import method, resume
    from trainer.recipe import Recipe, steps_of

    open_fields = dict(fields)
    epochs = open_fields.pop("epochs", None)
    if epochs is not None:
        batch = open_fields.get("batch", state.recipe.batch if state else Recipe.batch)
        open_fields["steps"] = steps_of(None, epochs, pairs, batch)
    if state is None:
        return Recipe(**method.default(open_fields))
    wanted = Recipe(**{**vars(state.recipe), **open_fields})
    resume.refuse_other_recipe(state, wanted)
    return wanted
