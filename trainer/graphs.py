"""Graphs over the places of one picture, never held as a matrix of all pairs.

Both are symmetric, of weights at least 0, and normalised by degree: D^-1/2 A D^-1/2. Likenesses are
computed for a block of rows at a time; nothing is learned through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor

# Likenesses that exist at one moment: 16 MB of float32.
MOST_AT_ONCE = 1 << 22


class Graph(Protocol):
    """A symmetric matrix over N places, as what it does."""

    def __call__(self, values: Tensor) -> Tensor:
        """The matrix times values [N,C]."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Each place with its likest others, A + A' of that and of the place itself."""

    places: Tensor  # [N,k]
    weights: Tensor  # [N,k]
    roots: Tensor  # [N,1] one over the root of each degree

    def __call__(self, values: Tensor) -> Tensor:
        """The normalised matrix times values [N,C]."""
        return self.roots * _both_ways(self.places, self.weights, self.roots * values)


@dataclass(frozen=True, kw_only=True)
class Kin:
    """All places of one class, as strong as their features [N,D] are alike."""

    features: Tensor
    classes: Tensor  # [N]
    roots: Tensor  # [N,1]

    def __call__(self, values: Tensor) -> Tensor:
        """The normalised matrix times values [N,C]."""
        weighed = self.roots * values
        return self.roots * _kin_sum(self.features, self.classes, weighed)


def neighbours(features: Tensor, count: int) -> Neighbours:
    """The graph of the `count` likest others of each place, of features [N,D] of length 1."""
    count = min(count, len(features) - 1)
    found = [_likest(features, rows, count) for rows in _blocks(len(features))]
    places = torch.cat([place for place, _ in found])
    weights = torch.cat([weight for _, weight in found])
    degrees = _both_ways(places, weights, features.new_ones(len(features), 1))
    return Neighbours(places=places, weights=weights, roots=degrees.rsqrt())


def kin(features: Tensor, classes: Tensor) -> Kin:
    """The graph within each class, of features [N,D] of length 1."""
    degrees = _kin_sum(features, classes, features.new_ones(len(features), 1))
    return Kin(features=features, classes=classes, roots=degrees.rsqrt())


def through(graph: Graph, values: Tensor) -> Tensor:
    """The graph times values [N,C]; what is learned goes back through the same graph."""
    return cast(Tensor, _Through.apply(values, graph))  # type: ignore[no-untyped-call]


class _Through(torch.autograd.Function):
    """A symmetric matrix is its own transpose: nothing is kept for the way back but the graph."""

    @staticmethod
    def forward(context: Any, values: Tensor, graph: Callable[[Tensor], Tensor]) -> Tensor:
        context.graph = graph
        return graph(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return context.graph(gradients[0]), None


def _blocks(places: int) -> Iterator[slice]:
    rows = max(1, MOST_AT_ONCE // places)
    return (slice(first, min(first + rows, places)) for first in range(0, places, rows))


def _likest(features: Tensor, rows: slice, count: int) -> tuple[Tensor, Tensor]:
    """The likest others of some places, and how like they are."""
    alike = features[rows] @ features.T
    own = torch.arange(rows.start, rows.stop, device=features.device)
    alike[own - rows.start, own] = -torch.inf
    weights, places = alike.topk(count, dim=1)
    return places, weights.clamp_min(0)


def _both_ways(places: Tensor, weights: Tensor, values: Tensor) -> Tensor:
    """(A + A') values; A has the neighbours' weights, and 1 for the place itself."""
    total = 2 * values
    # One neighbour of every place after the other: no more memory than the values have.
    for place, weight in zip(places.T, weights.T, strict=True):
        total = total + weight[:, None] * values[place]
        total.index_add_(0, place, weight[:, None] * values)
    return total


def _kin_sum(features: Tensor, classes: Tensor, values: Tensor) -> Tensor:
    made = []
    for rows in _blocks(len(features)):
        alike = (features[rows] @ features.T).clamp_min(0)
        made.append(alike.mul_(classes[rows, None] == classes) @ values)
    return torch.cat(made)
