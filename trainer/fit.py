"""The training loop, from recipe to checkpoint."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from kernels.publish import refuse_unwritable
from trainer import (
    checkpoint,
    loader,
    method,
    portion,
    precision,
    report,
    resume,
    scoring,
    talk,
    views,
)
from trainer.census import Census, census
from trainer.checkpoint import Checkpoint
from trainer.cost import Cost, cost
from trainer.data import Dataset, usual_size
from trainer.flops import flops
from trainer.keeper import Interval, Keeper
from trainer.learner import Learner
from trainer.meter import Meter
from trainer.optimiser import pace
from trainer.progress import Advance, progress
from trainer.ranks import ALONE, Ranks
from trainer.recipe import Recipe
from trainer.resume import State
from trainer.run import Run
from trainer.score import Score
from trainer.stopwatch import Stopwatch
from trainer.wish import Wish

__all__ = ["Learner", "Outcome", "fit"]

LOG_EVERY = 10
SAVE_EVERY = Interval(seconds=300)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to; `score` is None where it was interrupted or had nothing to score on."""

    checkpoint: Checkpoint
    score: Score | None
    cost: Cost | None
    scored_on: str
    run: Run
    interrupted: bool


def fit(
    recipe: Recipe,
    dataset: Dataset,
    *,
    out: Path,
    runs: Path,
    device: str,
    state: State | None = None,
    save_every: Interval = SAVE_EVERY,
    ranks: Ranks = ALONE,
) -> Outcome:
    """Train by `recipe`, from `state` on if there is one; leave a checkpoint at `out`; score it."""
    refuse_unwritable(out)
    precision.refuse(recipe.precision, device)
    ranks.refuse_too_many(recipe)
    dataset = portion.divided(dataset, recipe, run=state.run if state else None)
    if ranks.count > 1 and device == "cpu":
        # torch brings what they would share on GPUs alone.
        talk.say("note: on the CPU every process has the batch statistics of its own part")
    crop = state.crop if state else views.crop_size(usual_size(dataset.split("train")), recipe)
    counted = census(recipe, dataset)
    learner = _learner(recipe, dataset, torch.device(device), ranks, counted)
    method.refuse_at_odds(learner.objective, dataset)
    if recipe.effective_sight < recipe.sight:
        talk.say(
            f"note: at factor {recipe.factor} a sight of {recipe.sight} would be finer than full "
            f"size; it is {recipe.effective_sight}"
        )
    run = _run(runs, learner, state)
    keeper = Keeper(learner, run, out=out, crop=crop, every=save_every)
    wish = Wish(together=ranks.count > 1)
    meter = Meter(learner)
    loop = _Loop(learner=learner, run=run, keeper=keeper, census=counted, wish=wish, meter=meter)
    with run:
        with keeper.kept():
            # From now on the run can go on, whatever happens.
            keeper.save()
            loop.go()
        return _finished(learner, run, out, crop)


def _learner(
    recipe: Recipe, dataset: Dataset, device: torch.device, ranks: Ranks, counted: Census | None
) -> Learner:
    torch.manual_seed(recipe.seed)
    balanced = counted is not None and recipe.class_weights == "balanced"
    weights = counted.weights() if counted and balanced else None
    return Learner(recipe, dataset, device, ranks=ranks, class_weights=weights)


def _run(runs: Path, learner: Learner, state: State | None) -> Run:
    writes = learner.ranks.leads
    if state is None:
        learner.begin()
        begun = Run.begun(runs, learner.recipe) if writes else None
        folder = Path(learner.ranks.told(str(begun.folder) if begun else ""))
        talk.say(f"writing {folder}/")
        _tell_portion(learner, begun)
        return begun or Run(folder, writes=False)
    resume.refuse_other_data(state, learner.dataset)
    learner.restore(state.learner)
    talk.say(f"going on with {state.run}/ after {state.steps_done} of {state.recipe.steps} steps")
    return Run.again(state.run, state.logged, writes=writes)


def _tell_portion(learner: Learner, begun: Run | None) -> None:
    """Say what it learns from, and keep the list, where that is not simply the training split."""
    dataset = learner.dataset
    if not dataset.unlabelled:
        return
    labelled, others = len(dataset.split("train")), len(dataset.unlabelled)
    used = "learned from as well" if learner.objective.disguise else "left alone"
    name = learner.recipe.method
    talk.say(f"method {name}: {labelled} labelled pictures; {others} without labels are {used}")
    if begun:
        portion.write(dataset, begun.folder)


@dataclass(frozen=True, kw_only=True)
class _Loop:
    learner: Learner
    run: Run
    keeper: Keeper
    census: Census | None
    wish: Wish
    meter: Meter

    def go(self) -> None:
        """All steps the recipe still asks for, with a look at the validation split now and then."""
        learner = self.learner
        with self.wish.heard(), progress(learner.recipe, learner.steps_done) as advance:
            # Ended between a step and its look, a run owes the look.
            self._look()
            if not learner.has_finished:
                self._steps(advance)

    def _steps(self, advance: Advance) -> None:
        learner, watch = self.learner, Stopwatch(self.learner.recipe.batch)
        source = loader.batches(
            learner.dataset,
            learner.recipe,
            self.keeper.crop,
            first=learner.steps_done,
            ranks=learner.ranks,
            census=self.census,
            device=learner.device,
            disguise=learner.objective.disguise,
        )
        for batch in watch.waiting(source):
            if self.wish.together and learner.ranks.any(self.wish.asked):
                raise KeyboardInterrupt
            with self.wish.whole():
                with self.meter.step():
                    learner.step(batch)
                watch.step()
                learner.spent.note(watch)
                self._log(watch)
            score = self._look()
            self.keeper.save_in_time()
            advance(learner.steps_done, statistics.fmean(learner.recent), score, watch.speed)
            if learner.has_finished:
                return

    def _log(self, watch: Stopwatch) -> None:
        learner = self.learner
        if learner.steps_done % LOG_EVERY and learner.steps_done != learner.recipe.steps:
            return
        self.run.record(
            learner.steps_done,
            loss=statistics.fmean(learner.recent),
            rate=learner.recipe.learning_rate * pace(learner.recipe, learner.steps_done - 1),
            pictures_per_second=round(watch.speed, 3),
            waiting=round(watch.waited, 4),
        )

    def _look(self) -> float | None:
        """mIoU at native size on the validation split, where a look is due and there are pairs."""
        learner, standing = self.learner, self.learner.standing
        due = standing.steps % learner.recipe.look_every == 0 and standing.looked < standing.steps
        if not due or not learner.dataset.splits.get("val"):
            return None
        score = scoring.score(learner, "val", most=learner.recipe.looked_at)
        self.meter.settle()
        with self.wish.whole():
            self._keep_best(score)
            self.run.record(learner.steps_done, miou=score.plain()["miou"])
            standing.note(score.mean_iou)
        return score.mean_iou

    def _keep_best(self, score: Score) -> None:
        if not self.run.writes:
            return
        checkpoint.save(self.learner.state(), self.run.checkpoint)
        if self.learner.standing.is_better(score.mean_iou):
            checkpoint.save(self.learner.state(), self.run.best)


def _finished(learner: Learner, run: Run, out: Path, crop: tuple[int, int]) -> Outcome:
    """Publish and score what was learned."""
    dataset = learner.dataset
    interrupted = not learner.has_finished
    model = learner.state()
    # Who watches the validation score wants the best by it, whether or not the run ended early.
    if learner.recipe.early_stop and learner.standing.best is not None and not interrupted:
        model = checkpoint.load(run.best)
        talk.say(f"the best by its validation score is the model of step {model.steps_done}")
    if run.writes:
        _publish(model, run, out)
    run.draw_curves()
    split = next((name for name in ("test", "val") if dataset.splits.get(name)), "")
    score = spent = None
    if split and not interrupted:
        score, spent = scoring.score(learner, split, model=model), _cost(learner, crop)
        run.record(model.steps_done, split=split, **score.plain(), cost=spent.plain())
        run.draw_examples(model.network, model.contract, dataset.split(split))
    if run.writes:
        report.write(run, model, dataset, split=split, score=score, cost=spent)
    return Outcome(
        checkpoint=model,
        score=score,
        cost=spent,
        scored_on=split,
        run=run,
        interrupted=interrupted,
    )


def _cost(learner: Learner, crop: tuple[int, int]) -> Cost:
    recipe, picture = learner.recipe, usual_size(learner.dataset.split("train"))
    counted = flops(learner.network, recipe.factor, crop, picture)
    return cost(learner.spent, recipe.batch, learner.device, counted)


def _publish(model: Checkpoint, run: Run, out: Path) -> None:
    if model.steps_done == 0:
        talk.say(f"nothing learned yet: {out} is left as it was")
        return
    for path in (run.checkpoint, out):
        checkpoint.save(model, path)
    talk.say(f"{out} is the model of {model.steps_done} steps, {run.checkpoint} its copy")
