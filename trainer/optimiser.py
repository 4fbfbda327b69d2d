"""The optimiser a recipe asks for, and the learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from kernels.errors import UserError
from trainer.network import Network
from trainer.recipe import Recipe

# Of the one-cycle rule: where it begins and ends, as shares of the highest learning rate.
CYCLE_START, CYCLE_END = 1 / 25, 1 / 250_000


def optimiser(
    network: Network, recipe: Recipe, more: Iterable[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """AdamW or SGD over the pre-trained part and the head, each with a `scale` for its rate.

    `more` weights, of a method, learn as the head does.
    """
    body, head = network.groups()
    if recipe.head_rate != 1 and not head:
        raise UserError(
            f"--head-rate {recipe.head_rate:g}: model {recipe.model} does not tell its head apart",
            hint="leave it out",
        )
    groups = [*_groups(body, 1.0, recipe), *_groups(head, recipe.head_rate, recipe)]
    groups += _groups(more, recipe.head_rate, recipe)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _groups(weights: Iterable[nn.Parameter], scale: float, recipe: Recipe) -> list[dict[str, Any]]:
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for weight in weights:
        every = recipe.decay_on == "all"
        (decayed if every or weight.ndim > 1 else spared).append(weight)
    groups = [(decayed, recipe.weight_decay), (spared, 0.0)]
    return [
        {"params": params, "weight_decay": decay, "scale": scale}
        for params, decay in groups
        if params
    ]


def set_rate(made: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    """Give every group its learning rate of `step`, counted from 0."""
    for group in made.param_groups:
        group["lr"] = recipe.learning_rate * group["scale"] * pace(recipe, step)


def pace(recipe: Recipe, step: int) -> float:
    """The share of the highest learning rate that `step` learns with."""
    return SCHEDULES[recipe.schedule](recipe, step)


def _climb(recipe: Recipe, step: int) -> float:
    return (step + 1) / (recipe.warm_up * recipe.steps + 1)


def _fallen(recipe: Recipe, step: int) -> float:
    """How far the way down has been gone, 0 to 1."""
    return (step / recipe.steps - recipe.warm_up) / (1 - recipe.warm_up)


def _cosine(recipe: Recipe, step: int) -> float:
    if step / recipe.steps < recipe.warm_up:
        return _climb(recipe, step)
    return _wave(_fallen(recipe, step))


def _poly(recipe: Recipe, step: int) -> float:
    if step / recipe.steps < recipe.warm_up:
        return _climb(recipe, step)
    return float((1 - _fallen(recipe, step)) ** recipe.power)


def _one_cycle(recipe: Recipe, step: int) -> float:
    """Up and down along half waves (Smith and Topin 2018)."""
    done = step / recipe.steps
    if done < recipe.warm_up:
        return 1 - (1 - CYCLE_START) * _wave(done / recipe.warm_up)
    return CYCLE_END + (1 - CYCLE_END) * _wave(_fallen(recipe, step))


def _wave(way: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * way))


SCHEDULES: dict[str, Callable[[Recipe, int], float]] = {
    "cosine": _cosine,
    "poly": _poly,
    "one-cycle": _one_cycle,
}
