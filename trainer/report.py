"""The page of one training run: what it learned from, how, what came of it, and what it cost."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace

from kernels.bench.facts import processor, versions
from trainer import page, recipe_file
from trainer.checkpoint import Checkpoint
from trainer.cost import Cost
from trainer.data import Dataset, usual_size
from trainer.recipe import Recipe, differences, flag
from trainer.run import Run
from trainer.score import Score
from trainer.version import writer

NAME = "report.html"
Facts = list[tuple[str, str]]


def write(
    run: Run,
    model: Checkpoint,
    dataset: Dataset,
    *,
    split: str,
    score: Score | None,
    cost: Cost | None,
) -> None:
    """Write report.html into the run's folder; without a score it tells what there is so far."""
    recipe = model.recipe
    sections = [
        page.section("Score", page.table(_scores(score)) if score else ""),
        page.section("Curves", page.picture(run.folder / "curves.png", "loss and mIoU over steps")),
        page.section("Examples", *_examples(run, dataset)),
        page.section("Data", page.facts(_data(dataset, recipe))),
        page.section("Recipe", page.table(_recipe(recipe))),
        page.section("Cost", page.facts(_cost(cost)) if cost else ""),
        page.section("To repeat it", page.code(command(recipe))),
        page.section("Made with", page.facts(_made_with())),
    ]
    title = f"{recipe.model} at {recipe.factor} on {recipe.data}"
    page.write(page.page(title, _lead(run, model, split, score), sections), run.folder / NAME)


def command(recipe: Recipe) -> str:
    """What is typed to train by `recipe`."""
    changed = differences(recipe, _by_default(recipe.model))
    flags = [word for name, (value, _) in changed.items() for word in (flag(name), str(value))]
    return shlex.join(["trainer", "fit", *flags])


def _by_default(model: str) -> Recipe:
    """What `trainer fit --model MODEL` does, but for the model itself where that is not its own."""
    if model in recipe_file.MADE_FOR:
        return Recipe(**recipe_file.default({"model": model}))
    return replace(Recipe(), model=recipe_file.default({})["model"])


def _lead(run: Run, model: Checkpoint, split: str, score: Score | None) -> str:
    steps = f"{model.steps_done} of {model.recipe.steps} steps, {run.folder.name}"
    if score is None:
        return steps
    quality = (
        f"mIoU {_percent(score.mean_iou)} %, "
        f"boundary IoU {_percent(score.mean_boundary_iou)} % on the {split} split at native size"
    )
    return f"{quality}; {steps}"


def _scores(score: Score) -> list[Sequence[str]]:
    each = zip(score.classes, score.iou, score.boundary_iou, strict=True)
    rows = [*each, ("mean", score.mean_iou, score.mean_boundary_iou)]
    return [
        ("class", "IoU, %", "at boundaries, %"),
        *((name, _percent(iou), _percent(near)) for name, iou, near in rows),
        ("pixels right", _percent(score.accuracy), ""),
    ]


def _examples(run: Run, dataset: Dataset) -> list[str]:
    drawn = page.picture(run.folder / "examples.png", "photo, labels and mask of some pictures")
    legend = page.swatches(dataset.classes, dataset.palette)
    return [page.paragraph("Photo, labels, mask."), drawn, legend] if drawn else []


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _data(dataset: Dataset, recipe: Recipe) -> Facts:
    height, width = usual_size(dataset.split("train"))
    counts = {name: len(pairs) for name, pairs in dataset.splits.items() if pairs}
    return [
        ("data", recipe.data),
        ("pairs", ", ".join(f"{count} {name}" for name, count in counts.items())),
        ("usual size", f"{width}x{height}"),
        ("classes", str(len(dataset.classes))),
        ("void", str(dataset.ignore)),
    ]


def _recipe(recipe: Recipe) -> list[Sequence[str]]:
    """Every field, and beside those that were chosen what they are by default."""
    changed = differences(recipe, _by_default(recipe.model))
    defaults = {name: str(default) or "none" for name, (_, default) in changed.items()}
    return [
        ("field", "value", "by default"),
        *(
            (name, str(value) or "none", defaults.get(name, ""))
            for name, value in vars(recipe).items()
        ),
    ]


def _cost(cost: Cost) -> Facts:
    numbers = [
        ("training", cost.seconds / 60, "min, looks at the validation split not counted"),
        ("time per picture", cost.picture_seconds, "s"),
        ("memory of a step", _scaled(cost.memory, 1e-6), "MB at its height"),
        ("memory of the process", _scaled(cost.whole_memory, 1e-6), "MB at its height"),
        ("one crop, there and back", _scaled(cost.crop_flops, 1e-9), "GFLOP"),
        ("the mask of a full picture", _scaled(cost.picture_flops, 1e-9), "GFLOP"),
    ]
    told = [(name, "-" if v is None else f"{_short(v)} {unit}") for name, v, unit in numbers]
    return [("device", f"{cost.device}, threads: {cost.threads}"), *told]


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _scaled(value: int | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _made_with() -> Facts:
    return [("softres", writer()), *versions().items(), ("CPU", processor())]
