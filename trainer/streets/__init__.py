"""Generated street scenes: photos with exact labels, drawn from nothing but a seed."""

from __future__ import annotations

from .classes import CLASSES, IGNORE, PALETTE
from .scene import VERSION, render

__all__ = ["CLASSES", "IGNORE", "PALETTE", "VERSION", "render"]
