"""Batch norms, and the running statistics that they predict with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """Passes in here are normalised by their own statistics and leave the running ones alone.

    Pictures in disguise are no sample of those that will be predicted.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
