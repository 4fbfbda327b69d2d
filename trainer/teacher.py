"""A teacher: the running average of a network, which labels what nobody has labelled."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from trainer.average import approach
from trainer.network import Network


class Teacher(nn.Module):
    """Follows a network slowly, and is never trained itself."""

    def __init__(self, network: Network, keep: float) -> None:
        super().__init__()
        self.keep = keep
        self.network = copy.deepcopy(network).requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """It always predicts: its batch statistics are averages too."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, small: Tensor) -> Tensor:
        """float32 logits of small pictures."""
        logits: Tensor = self.network(small)
        return logits.float()

    def follow(self, network: Network, step: int) -> None:
        """Move towards the weights after `step` steps."""
        approach(self.network, network, self.keep, step)
