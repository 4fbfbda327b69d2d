"""The running average of a network's weights, often better than any one of them."""

from __future__ import annotations

import copy

import torch
from torch import nn

from trainer.network import Network


class Average:
    """A copy of the network that follows it slowly; it is what is validated and published."""

    def __init__(self, network: Network, keep: float) -> None:
        self.keep = keep
        self.network = copy.deepcopy(network).requires_grad_(False)

    def follow(self, network: Network, step: int) -> None:
        """Move towards the weights after `step` steps."""
        approach(self.network, network, self.keep, step)


@torch.no_grad()
def approach(average: nn.Module, network: nn.Module, most: float, step: int) -> None:
    """Move an average towards the weights after `step` steps; it keeps at most that much of itself.

    Counters are taken over as they are.
    """
    # While few steps are known the plain mean of them is all there is to keep.
    keep = min(1 - 1 / max(step, 1), most)
    for mine, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(new, 1 - keep)
        else:
            mine.copy_(new)
