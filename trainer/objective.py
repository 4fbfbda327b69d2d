"""What a step minimises: a network's heads held against a batch's targets, as one module."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kernels.errors import UserError
from trainer import loss
from trainer.batch import Batch
from trainer.disguise import Disguise
from trainer.full_size import full_size_cross_entropy, full_size_jaccard_distance
from trainer.network import Network
from trainer.precision import autocast
from trainer.recipe import FULL, Recipe

NETWORK = "network."


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a method is given to work with."""

    network: Network
    recipe: Recipe
    classes: tuple[str, ...]
    class_weights: Tensor | None = None


def refuse_full(recipe: Recipe) -> None:
    """Raise where a method that works on shares would get none."""
    if recipe.labels == FULL:
        raise UserError(
            f"--method {recipe.method} works on shares, and --labels full has none",
            hint="take --labels area, or --method soft or unimatch",
        )


class Objective(nn.Module):
    """Network and loss together, so that DistributedDataParallel can wrap them.

    As it is it learns from labels alone. A method is a subclass that makes targets of its own; its
    further layers, teachers and counts are its modules and buffers: they are learned and kept in
    the state of a run, and never published.
    """

    # What the method wants to see of unlabelled crops; None: it takes none.
    disguise: Disguise | None = None
    class_weights: Tensor | None

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network, self.recipe = task.network, task.recipe
        self.register_buffer("class_weights", task.class_weights, persistent=False)

    def mass(self, batch: Batch) -> Tensor:
        """What the loss of the whole batch is divided by: sums that parts of a batch add up to.

        Here it is the labelled mass, weighed.
        """
        return self._labelled(batch)

    def forward(self, batch: Batch, mass: Tensor) -> Tensor:
        """The part of the loss that this part of a batch of `mass` has."""
        with self.autocast(batch):
            heads = self.network.heads(batch.pictures)
        return self.supervised(heads, batch, mass)

    def noted(self) -> list[Tensor]:
        """Sums over what this process has seen in the step under way.

        Before `follow` they become those over all processes.
        """
        return []

    def follow(self, step: int) -> None:
        """Take note of the weights after `step` steps; 0 is before the first."""

    def autocast(self, batch: Batch) -> torch.autocast:
        """The recipe's number format, where the batch lies."""
        return autocast(self.recipe.precision, batch.pictures.device.type)

    def supervised(self, heads: list[Tensor], batch: Batch, mass: Tensor) -> Tensor:
        """The loss of the heads against the batch's own labels."""
        losses = [
            weight * self._of(logits.float(), batch, mass)
            for weight, logits in zip(self.network.head_weights, heads, strict=True)
        ]
        return torch.stack(losses).sum()

    def own_parameters(self) -> list[nn.Parameter]:
        """What is learned besides the network."""
        return [
            value
            for name, value in self.named_parameters()
            if value.requires_grad and not name.startswith(NETWORK)
        ]

    def own_state(self) -> dict[str, Tensor]:
        """All that changes besides the network."""
        return {n: v for n, v in self.state_dict().items() if not n.startswith(NETWORK)}

    def restore(self, own: dict[str, Tensor]) -> None:
        """Become what `own_state` was taken from; the network is restored by itself."""
        network = {f"{NETWORK}{n}": v for n, v in self.network.state_dict().items()}
        self.load_state_dict({**network, **own})

    def _labelled(self, batch: Batch) -> Tensor:
        if self.recipe.labels == FULL:
            return loss.labelled(batch.labels, self.class_weights, batch.ignore)
        return loss.weighed(batch.shares, self.class_weights).sum()

    def _of(self, logits: Tensor, batch: Batch, mass: Tensor) -> Tensor:
        if self.recipe.loss == "jdt":
            # It is no sum over cells: a part of a batch counts by its labelled mass.
            part = self._labelled(batch) / loss.positive(mass)
            return self._jaccard_distance(logits, batch) * part
        weights = self.class_weights
        if self.recipe.labels == FULL:
            return full_size_cross_entropy(
                logits, batch.labels, mass, weights=weights, ignore=batch.ignore
            )
        shares = loss.weighed(batch.shares, weights)
        by_cell = loss.by_cell(logits, shares, divergence=self.recipe.loss == "kl")
        if self.recipe.ohem < 1:
            return loss.hardest(by_cell, shares.sum(1), self.recipe.ohem) / (
                self.recipe.ohem * loss.positive(mass)
            )
        return by_cell.sum() / loss.positive(mass)

    def _jaccard_distance(self, logits: Tensor, batch: Batch) -> Tensor:
        if self.recipe.labels == FULL:
            return full_size_jaccard_distance(logits, batch.labels, weights=self.class_weights)
        return loss.jaccard_distance(logits, loss.weighed(batch.shares, self.class_weights))
