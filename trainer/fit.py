"""The training loop, from recipe to checkpoint."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from kernels.contract import Contract
from kernels.errors import UserError
from kernels.publish import refuse_unwritable
from trainer import checkpoint, loader, network, talk, views
from trainer.checkpoint import Checkpoint
from trainer.data import Dataset, usual_size
from trainer.evaluate import evaluate
from trainer.loss import soft_cross_entropy
from trainer.progress import progress
from trainer.recipe import Recipe
from trainer.run import Run
from trainer.score import Score
from trainer.version import writer

WARM_UP = 0.05
VALIDATIONS = 5
VALIDATED_PAIRS = 10
LOG_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to; `score` is None where it was interrupted or had nothing to score on."""

    checkpoint: Checkpoint
    score: Score | None
    scored_on: str
    run: Run
    interrupted: bool


def fit(recipe: Recipe, dataset: Dataset, *, out: Path, runs: Path, device: str) -> Outcome:
    """Train by `recipe`, leave a checkpoint at `out` and in the run's folder, and score it."""
    refuse_unwritable(out)
    crop = views.crop_size(usual_size(dataset.split("train")), recipe)
    torch.manual_seed(recipe.seed)
    learner = Learner(recipe, dataset, torch.device(device))
    run = Run(runs, recipe)
    talk.say(f"writing {run.folder}/ and, at the end, {out}")
    with learner.kept(out, run):
        learner.train(run, crop)
    if run.records:
        run.draw_curves()
    interrupted = learner.steps_done < recipe.steps
    split = next((name for name in ("test", "val") if dataset.splits.get(name)), "")
    score = None
    if split and not interrupted:
        score = evaluate(learner.network, learner.contract, dataset, split)
        run.record(learner.steps_done, split=split, **score.plain())
        run.draw_examples(learner.network, learner.contract, dataset.split(split))
    return Outcome(
        checkpoint=learner.state(), score=score, scored_on=split, run=run, interrupted=interrupted
    )


class Learner:
    """A network on its way: weights, optimiser and schedule."""

    def __init__(self, recipe: Recipe, dataset: Dataset, device: torch.device) -> None:
        self.recipe, self.dataset, self.device = recipe, dataset, device
        self.network = network.build(recipe.model, len(dataset.classes)).to(device)
        # Channels innermost: 1.6 times the speed on a CPU.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.contract = Contract(
            classes=dataset.classes,
            palette=dataset.palette,
            factor=recipe.factor,
            ignore=dataset.ignore,
            writer=writer(),
        )
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._pace)
        self.steps_done = 0

    def train(self, run: Run, crop: tuple[int, int]) -> None:
        """All steps of the recipe, with a look at the validation split now and then."""
        recent: deque[float] = deque(maxlen=LOG_EVERY)
        every = max(1, self.recipe.steps // VALIDATIONS)
        with progress(self.recipe) as advance:
            for batch in loader.batches(self.dataset, self.recipe, crop):
                recent.append(self.step(batch))
                loss = statistics.fmean(recent)
                miou = None
                if self.steps_done % every == 0:
                    miou = self.validate(run)
                    checkpoint.save(self.state(), run.checkpoint)
                if self.steps_done % LOG_EVERY == 0 or self.steps_done == self.recipe.steps:
                    run.record(self.steps_done, loss=loss, rate=self.schedule.get_last_lr()[0])
                advance(self.steps_done, loss, miou)

    def step(self, batch: loader.Batch) -> float:
        """Learn from one batch."""
        self.network.train()
        logits = self.network(batch.pictures.to(self.device))
        loss = soft_cross_entropy(logits, batch.shares.to(self.device))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(
                f"the loss is {value} at step {self.steps_done + 1}",
                hint=f"lower --learning-rate below {self.recipe.learning_rate:g}",
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.schedule.step()
        self.steps_done += 1
        return value

    def validate(self, run: Run) -> float | None:
        """mIoU at native size on a few validation pairs; None where there are none."""
        if not self.dataset.splits.get("val"):
            return None
        score = evaluate(self.network, self.contract, self.dataset, "val", most=VALIDATED_PAIRS)
        run.record(self.steps_done, miou=score.plain()["miou"])
        return score.mean_iou

    def state(self) -> Checkpoint:
        """What would be saved now."""
        return Checkpoint(
            network=self.network,
            contract=self.contract,
            recipe=self.recipe,
            steps_done=self.steps_done,
        )

    @contextmanager
    def kept(self, out: Path, run: Run) -> Iterator[None]:
        """Save on the way out: to `out` when done or told to stop, elsewhere on an error."""
        try:
            yield
        except KeyboardInterrupt:
            talk.say(f"stopped after {self.steps_done} of {self.recipe.steps} steps")
        except BaseException:
            # Not over `out`: the model that lies there may be better than half a run.
            if self.steps_done and checkpoint.is_sound(self.network):
                checkpoint.save(self.state(), run.checkpoint)
                talk.say(f"{run.checkpoint} holds what {self.steps_done} steps have learned")
            raise
        if self.steps_done == 0:
            talk.say(f"nothing learned yet: {out} is left as it was")
            return
        for path in (run.checkpoint, out):
            checkpoint.save(self.state(), path)
        talk.say(f"{out} is the model of {self.steps_done} steps, {run.checkpoint} its copy")

    def _pace(self, step: int) -> float:
        """Share of the learning rate: a short climb, then a cosine down to zero."""
        done = step / self.recipe.steps
        if done < WARM_UP:
            return (step + 1) / (WARM_UP * self.recipe.steps + 1)
        return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
