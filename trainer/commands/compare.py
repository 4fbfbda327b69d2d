"""`trainer compare`: factors x label modes x seeds, every run in a process of its own."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from kernels.errors import UserError, one_of
from kernels.factor import read as read_factor
from trainer.commands import fit as fitting

TAKES_ALL = {"allow_extra_args": True, "ignore_unknown_options": True}
# What a cell is told by the comparison itself, and what to say instead.
INSTEAD = {
    "factor": "--factors",
    "labels": "--labels area,nearest",
    "seed": "--seeds",
    "resume": "the same command again: it goes on by itself",
    "runs": "--out",
    "out": "--out",
}

# A paragraph is one line here: the terminal breaks it where it must.
HELP = "\n\n".join(
    (
        "Train one recipe at several factors and label modes; say what each costs and scores.",
        "Every other flag of `trainer fit` is shared by all runs: --recipe, --data, --steps, ...",
        "All runs take the same steps on crops of the same part of the picture. A network that "
        "sees what it answers (--sight 1) computes 16 times as much at factor 1 as at 1/4. With a "
        "sight of 2 it sees full size at 1 and at 1/2: 4 times as much as at 1/4. How long all of "
        "it will take is said when the first steps of each kind are done. Runs follow one another, "
        "each in a process of its own: its memory is its own, and its crash costs one cell.",
        "Leaves table.md, compare.json, quality.png, classes.png and report.html in the folder. "
        "Called again it trains only what is missing. The exit status is 1 where a run failed.",
    )
)


def compare(
    context: typer.Context,
    factors: Annotated[str, typer.Option(help="as `fit` takes them, by commas")] = "1,1/2,1/4",
    labels: Annotated[
        str, typer.Option(help="label modes as `fit` takes them, by commas")
    ] = "area",
    seeds: Annotated[int, typer.Option(min=1, help="runs of each; their spread is shown")] = 3,
    out: Annotated[Path, typer.Option(help="folder; a second call goes on there")] = Path(
        "compare"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, no table")] = False,
) -> None:
    """Train one recipe at several factors and label modes; say what each costs and scores."""
    # Told to end, or left by its terminal, it ends its run and keeps what it has.
    for wish in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(wish, signal.default_int_handler)
    from trainer import talk
    from trainer.comparison import outcome
    from trainer.comparison.conduct import Conductor
    from trainer.comparison.plan import settle

    plan = _plan(tuple(context.args), _factors(factors), _labels(labels), seeds, out, device)
    settle(plan)
    conductor, stopped = Conductor(plan), False
    try:
        conductor.conduct()
    except KeyboardInterrupt:
        stopped = True
        talk.say("stopped; the same command goes on")
    told = ("--factors", factors, "--labels", labels, "--seeds", str(seeds), "--out", str(out))
    command = ("trainer", "compare", *told, "--device", device, *context.args)
    text, plain = outcome.write(plan, conductor.results, conductor.failures, command)
    sys.stdout.write(f"{json.dumps(plain)}\n" if as_json else text)
    talk.say(f"{plan.folder / outcome.REPORT} shows all of it")
    if stopped or conductor.failures:
        raise SystemExit(130 if stopped else 1)


def _factors(text: str) -> list[Any]:
    return list(dict.fromkeys(read_factor(word) for word in _words(text, "--factors")))


def _labels(text: str) -> list[str]:
    from trainer.recipe import CHOICES

    modes = list(dict.fromkeys(_words(text, "--labels")))
    for mode in modes:
        if mode not in CHOICES["labels"]:
            raise one_of("--labels", mode, CHOICES["labels"])
    return modes


def _words(text: str, flag: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UserError(f"{flag} '{text}' has an empty part", hint=f"write {flag} a,b")
    return words


def _plan(
    words: tuple[str, ...], factors: list[Any], modes: list[str], seeds: int, out: Path, device: str
) -> Any:
    """All that is to be done; what could not be done is refused before anything is."""
    from trainer import data, devices, resume, views
    from trainer.comparison.plan import Kind, Plan

    fields = fitting.fields_of(_shared(words))
    fitting.refuse_missing_weights(fields)
    chosen = devices.choose(device)
    dataset = data.load(fields.get("data", "streets"))
    if not any(dataset.splits.get(name) for name in ("test", "val")):
        raise UserError("the data has no test or val split to compare on", hint="add val/")
    kinds, pairs = [], dataset.split("train")
    for factor, mode in product(factors, modes):
        own = {"factor": factor, "labels": mode, "seed": 0}
        recipe = fitting.recipe_of({**fields, **own}, len(pairs), None)
        views.crop_size(data.usual_size(pairs), recipe)
        kinds.append(Kind(factor=factor, labels=mode, sight=recipe.effective_sight))
    _refuse_sight(recipe)
    return Plan(
        folder=out,
        words=words,
        recipe=recipe,
        device=chosen,
        pictures=resume.fingerprint(dataset),
        kinds=tuple(kinds),
        seeds=seeds,
    )


def _refuse_sight(recipe: Any) -> None:
    """Raise where the model does not take the recipe's: only a model that is built can tell."""
    from trainer import network

    if recipe.sight > 1:
        network.build(recipe.model, classes=1, sight=recipe.sight)


def _shared(words: tuple[str, ...]) -> dict[str, Any]:
    """What all cells are told; what each is told by itself is refused."""
    given = given_in(words)
    for name, instead in INSTEAD.items():
        if name in given:
            raise UserError(f"--{name} is not for `trainer compare`", hint=f"use {instead}")
    return given


def given_in(words: Sequence[str]) -> dict[str, Any]:
    """What `trainer fit` understands by `words`; what they leave open is not in it."""
    app = typer.Typer(add_completion=False)
    app.command()(fitting.fit)
    with typer.main.get_command(app).make_context("trainer compare", list(words)) as context:
        given = {name: value for name, value in context.params.items() if value is not None}
        return {name: value for name, value in given.items() if _is_typed(context, name)}


def _is_typed(context: Any, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
