"""Measures the memory that training takes at its height, step by step."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from kernels import memory
from trainer.learner import Learner


class Gauge(Protocol):
    """Tells the height of some memory since it was last asked to forget."""

    def forget(self) -> None:
        """What was before counts no more."""

    def height(self) -> int:
        """Bytes."""

    def others(self, kept: int) -> int:
        """Bytes of now that are not the training's, which keeps so many from step to step."""


class Resident:
    """The memory of this process, in which a CPU computes."""

    def forget(self) -> None:
        """What was before counts no more."""
        memory.forget_height()

    def height(self) -> int:
        """Bytes."""
        return memory.resident(memory.HEIGHT)

    def others(self, kept: int) -> int:
        """The interpreter, torch, the waiting pictures."""
        return memory.resident(memory.NOW) - kept


class Allocated:
    """The memory of a GPU that tensors take, weights included."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def forget(self) -> None:
        """What was before counts no more."""
        torch.cuda.reset_peak_memory_stats(self._device)

    def height(self) -> int:
        """Bytes."""
        return torch.cuda.max_memory_allocated(self._device)

    def others(self, kept: int) -> int:
        """None: nothing else is there."""
        return 0


def gauge(device: torch.device) -> Gauge | None:
    """The one for `device`; None where there is none, as outside of Linux."""
    if device.type == "cuda":
        return Allocated(device)
    # Some containers show these files and do not let anybody write there.
    with suppress(OSError):
        memory.forget_height()
        return Resident()
    return None


class Meter:
    """Measures the memory of a run's steps, and of nothing between them."""

    def __init__(self, learner: Learner) -> None:
        self._learner, self._gauge = learner, gauge(learner.device)
        self._steps = 0
        # Bytes at a step's beginning that are not the training's.
        self._others = 0

    @contextmanager
    def step(self) -> Iterator[None]:
        """The block is a step."""
        if self._gauge is None:
            yield
            return
        self._steps += 1
        if self._steps == 2:
            self._begin(self._gauge)
        self.look()
        self._gauge.forget()
        yield
        if self._steps > 1:
            spent, height = self._learner.spent, self._gauge.height()
            spent.memory = max(spent.memory, height - self._others)

    def _begin(self, gauge: Gauge) -> None:
        # The first step loads code that stays, more than a small network needs: it is no measure.
        self.settle()
        self._others = gauge.others(sum(tensor.nbytes for tensor in _kept(self._learner)))

    def look(self) -> None:
        """Take note of the whole process's height."""
        if self._gauge:
            spent = self._learner.spent
            spent.whole = max(spent.whole, self._gauge.height())

    def settle(self) -> None:
        """Give back what was freed: kept for later it would look like the next step's need."""
        if isinstance(self._gauge, Resident):
            # Only glibc keeps so much, and has a call for it.
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).malloc_trim(0)


def _kept(learner: Learner) -> Iterator[Tensor]:
    """What stays from step to step."""
    yield from chain(learner.network.parameters(), learner.network.buffers())
    yield from (p.grad for p in learner.network.parameters() if p.grad is not None)
    yield from learner.average.network.state_dict().values() if learner.average else ()
    for state in learner.optimiser.state.values():
        yield from (value for value in state.values() if isinstance(value, Tensor))
