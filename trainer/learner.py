"""A network on its way: weights, optimiser and schedule, and what one step does to them."""

from __future__ import annotations

import importlib
import math
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kernels.contract import Contract
from kernels.errors import UserError
from trainer import method, network, optimiser, precision, public_weights, talk
from trainer.average import Average
from trainer.batch import Batch
from trainer.checkpoint import Checkpoint
from trainer.cost import Spent
from trainer.data import Dataset
from trainer.network import Network
from trainer.objective import Objective, Task
from trainer.ranks import ALONE, Ranks
from trainer.recipe import Recipe
from trainer.version import writer

RECENT = 10
# What torch says on the CPU, where it has no error of its own for it.
NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


class StuckError(UserError):
    """The same recipe would come to the same end: going on with the run does not help."""


@dataclass(kw_only=True)
class Standing:
    """How far the run has come, and how well it did."""

    steps: int = 0
    # The step of the last look at the validation split.
    looked: int = 0
    best: float | None = None
    best_step: int = 0
    # Looks since the best one.
    stale: int = 0

    def is_better(self, score: float) -> bool:
        """Whether it is the best score so far."""
        return not math.isnan(score) and (self.best is None or score > self.best)

    def note(self, score: float) -> None:
        """Take note of a look."""
        self.looked = self.steps
        if self.is_better(score):
            self.best, self.best_step, self.stale = score, self.steps, 0
        else:
            self.stale += 1


class Learner:
    """What a run changes, all of it; between two steps it can be taken down and put up again."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        device: torch.device,
        *,
        ranks: Ranks = ALONE,
        class_weights: Tensor | None = None,
    ) -> None:
        self.recipe, self.dataset, self.device, self.ranks = recipe, dataset, device, ranks
        self.network = _network(recipe, len(dataset.classes), device)
        self.contract = Contract(
            classes=dataset.classes,
            palette=dataset.palette,
            factor=recipe.factor,
            sight=recipe.effective_sight,
            ignore=dataset.ignore,
            writer=writer(),
        )
        task = Task(
            network=self.network,
            recipe=recipe,
            classes=dataset.classes,
            class_weights=class_weights,
        )
        self.objective = _of_whole_batches(method.build(task).to(device), device, ranks)
        own = self.objective.own_parameters()
        self.optimiser = optimiser.optimiser(self.network, recipe, own)
        self.scaler = precision.scaler(recipe.precision, device.type)
        self.average = Average(self.network, recipe.ema) if recipe.ema else None
        self.standing = Standing()
        self.spent = Spent()
        self.recent: deque[float] = deque(maxlen=RECENT)
        # False while a step is under way: what an error leaves then is no moment to go on from.
        self.is_whole = True
        self._module: nn.Module = self.objective
        if ranks.count > 1:
            self._module = DistributedDataParallel(self.objective)

    def begin(self) -> None:
        """Take over the pre-trained weights that the recipe names, if any."""
        path = public_weights.chosen(self.recipe.weights, self.recipe.model)
        if path:
            # By name: only who brings weights needs what reads them.
            reader = importlib.import_module("trainer.weights")
            for line in reader.fill(self.network, path).told():
                talk.say(line)
        self.objective.follow(0)

    @property
    def steps_done(self) -> int:
        """The steps that were learned."""
        return self.standing.steps

    @property
    def has_finished(self) -> bool:
        """Whether the recipe asks for no more steps."""
        return self.steps_done >= self.recipe.steps or self.has_settled

    @property
    def has_settled(self) -> bool:
        """Whether the score has not become better for as long as the recipe waits."""
        return 0 < self.recipe.early_stop <= self.standing.stale

    @property
    def shown(self) -> Network:
        """The network that is validated and published: the average where there is one."""
        return self.average.network if self.average else self.network

    def step(self, batch: Batch) -> float:
        """Learn from one batch; the loss is that of all processes' parts of it."""
        self.is_whole = False
        with self._enough_memory():
            value = self._gradients(batch.to(self.device))
            optimiser.set_rate(self.optimiser, self.recipe, self.steps_done)
            self._move()
        self.standing.steps += 1
        for one in self.objective.noted():
            one.copy_(self.ranks.sum(one))
        self.objective.follow(self.steps_done)
        if self.average:
            self.average.follow(self.network, self.steps_done)
        self.recent.append(value)
        self.is_whole = True
        return value

    def _gradients(self, batch: Batch) -> float:
        self.objective.train()
        # Whatever a model draws depends on the step and the process alone, as batches do.
        torch.manual_seed(_seed(self.recipe.seed, self.steps_done, self.ranks.rank))
        self.optimiser.zero_grad(set_to_none=True)
        mass = self.ranks.sum(self.objective.mass(batch))
        value = 0.0
        parts = batch.cut(self.recipe.accumulate)
        for number, part in enumerate(parts, 1):
            with self._apart(number < len(parts)):
                loss = self._module(part, mass)
                value += self._finite(self.ranks.sum(loss.detach()))
                # The processes' gradients are averaged, and they are parts of one sum.
                self.scaler.scale(loss * self.ranks.count).backward()
        return value

    def _apart(self, more: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients once a step, with the last part."""
        if more and isinstance(self._module, DistributedDataParallel):
            return self._module.no_sync()
        return nullcontext()

    def _finite(self, loss: Tensor) -> float:
        value = float(loss)
        if not math.isfinite(value):
            raise StuckError(
                f"the loss is {value} at step {self.steps_done + 1}",
                hint=f"lower --learning-rate below {self.recipe.learning_rate:g}, or give --clip 1",
            )
        return value

    def _move(self) -> None:
        if self.recipe.clip:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.objective.parameters(), self.recipe.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not _is_about_memory(error):
                raise
            raise StuckError(
                f"out of memory at step {self.steps_done + 1} ({self.device})",
                hint=f"lower --batch below {self.recipe.batch}, learn it in parts with "
                f"--accumulate {2 * self.recipe.accumulate}, or choose a smaller --crop "
                "or --factor",
            ) from None

    def state(self) -> Checkpoint:
        """What would be published now."""
        return Checkpoint(
            network=self.shown,
            contract=self.contract,
            recipe=self.recipe,
            steps_done=self.steps_done,
        )

    def plain(self) -> dict[str, Any]:
        """Everything the next step depends on, and nothing else."""
        return {
            "weights": self.network.state_dict(),
            "method": self.objective.own_state(),
            "average": self.average.network.state_dict() if self.average else None,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "standing": asdict(self.standing),
            "spent": asdict(self.spent),
            "recent": list(self.recent),
        }

    def restore(self, plain: dict[str, Any]) -> None:
        """Become what `plain` was taken from."""
        self.network.load_state_dict(plain["weights"])
        self.objective.restore(plain.get("method", {}))
        if self.average:
            self.average.network.load_state_dict(plain["average"])
        self.optimiser.load_state_dict(plain["optimiser"])
        self.scaler.load_state_dict(plain["scaler"])
        self.standing = Standing(**plain["standing"])
        self.spent = Spent(**plain.get("spent", {}))
        self.recent.extend(plain["recent"])


def _network(recipe: Recipe, classes: int, device: torch.device) -> Network:
    # The model is asked about what was wished; full size may allow less.
    made = network.build(recipe.model, classes, sight=recipe.sight)
    made.sight = recipe.effective_sight
    made.to(device)
    # Channels innermost: 1.6 times the speed on a CPU.
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def _of_whole_batches(made: Objective, device: torch.device, ranks: Ranks) -> Objective:
    """With batch statistics over all processes, where torch can: the method's own layers too."""
    if ranks.count > 1 and device.type == "cuda":
        # In place: the network that is known by now is the one that is changed.
        nn.SyncBatchNorm.convert_sync_batchnorm(made)  # type: ignore[no-untyped-call]
    return made


def _seed(*moment: int) -> int:
    return int(np.random.SeedSequence(moment).generate_state(1, np.uint32)[0])


def _is_about_memory(error: RuntimeError | MemoryError) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(told in str(error) for told in NO_MEMORY)
