"""The three operators everything stands on: `shrink`, `soften` and `paint`."""

from kernels.paint import paint, painting
from kernels.shrink import seen, shrink
from kernels.soften import soften

__all__ = ["paint", "painting", "seen", "shrink", "soften"]
