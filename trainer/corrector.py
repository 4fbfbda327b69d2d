"""Corrects the logits of a crop and an embedding by each other, over two graphs, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer import graphs, grids

ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """How the rounds go."""

    neighbours: int
    confident: float
    # How much of what is reliable stays.
    trust: float
    width: int
    level: int


class Corrector(nn.Module):
    """Both graphs of both rounds, and the embedding they begin with."""

    def __init__(self, widths: tuple[int, ...], classes: int, rounds: Rounds) -> None:
        super().__init__()
        self.rounds, self.level = rounds, min(rounds.level, len(widths) - 1)
        self.embed = nn.Conv2d(sum(widths), rounds.width, 1)
        self.semantic = nn.ModuleList(_identities(classes) for _ in range(ROUNDS))
        self.likeness = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(rounds.width, rounds.width, 1),
                nn.ReLU(),
                nn.Conv2d(rounds.width, rounds.width, 1),
            )
            for _ in range(ROUNDS)
        )

    def forward(
        self, logits: Tensor, levels: list[Tensor], thresholds: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Logits [N,C,gh,gw] after each round, and embeddings [N,D,gh,gw] before and after."""
        column = grids.hyper_column(levels, grids.sides(logits))
        outputs, embeddings = [logits], [self.embed(column)]
        for semantic, likeness in zip(self.semantic, self.likeness, strict=True):
            outputs.append(semantic(self._by_likeness(outputs[-1], embeddings[-1], thresholds)))
            embeddings.append(likeness(_by_class(embeddings[-1], outputs[-1])))
        return outputs[1:], embeddings

    def _by_likeness(self, logits: Tensor, embedding: Tensor, thresholds: Tensor) -> Tensor:
        """X'': logits, corrected by the places that look alike, the more the less reliable."""
        features = F.normalize(embedding.detach(), dim=1)
        moved = _each(
            logits, [graphs.neighbours(_nodes(one), self.rounds.neighbours) for one in features]
        )
        kept = torch.where(
            reliable(logits, thresholds, self.rounds.confident),
            self.rounds.trust,
            1 - self.rounds.trust,
        )
        return torch.lerp(moved, logits, kept[:, None])


def reliable(logits: Tensor, thresholds: Tensor, confident: float) -> Tensor:
    """bool [N,h,w]: where logits [N,C,h,w] are confident, for their class or at all."""
    confidence, predicted = logits.detach().softmax(1).max(1)
    return (confidence >= confident) | (confidence >= thresholds[predicted])


def _by_class(embedding: Tensor, logits: Tensor) -> Tensor:
    """B F: embeddings of places of one predicted class come together."""
    with torch.no_grad():
        likely = F.normalize(logits.softmax(1), dim=1)
        predicted = logits.argmax(1).flatten(1)
    return _each(
        embedding, [graphs.kin(_nodes(p), c) for p, c in zip(likely, predicted, strict=True)]
    )


def _each(planes: Tensor, made: Sequence[graphs.Graph]) -> Tensor:
    """Each plane [C,h,w] through the graph of its crop."""
    moved = [graphs.through(graph, _nodes(one)) for one, graph in zip(planes, made, strict=True)]
    return torch.stack(moved).transpose(1, 2).reshape(planes.shape)


def _nodes(plane: Tensor) -> Tensor:
    """[C,h,w] -> [h*w,C]."""
    return plane.flatten(1).T.contiguous()


def _identities(classes: int) -> nn.Sequential:
    """Two 1x1 convolutions that change nothing yet."""
    layers = [nn.Conv2d(classes, classes, 1) for _ in range(2)]
    for layer in layers:
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.get_parameter("bias"))
    return nn.Sequential(*layers)
