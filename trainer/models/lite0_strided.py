"""`lite0-strided`: the default, EfficientNet-Lite0 as published; 3.5 million weights, ImageNet's.

With a sight of 2 it reads the picture twice as fine as `lite0` and computes as much: all that lies
behind the stem is as large. Its logits lie at half of the sides that it sees.
"""

from __future__ import annotations

from trainer.models import lite0

PACKAGE = lite0.PACKAGE


def build(classes: int) -> Lite0Strided:
    """A body for that many classes, fresh all over."""
    return Lite0Strided(classes)


class Lite0Strided(lite0.Lite0):
    """The same network behind a stem that halves."""

    stem_stride = 2
    stride = lite0.Lite0.stride * stem_stride
    multiple = lite0.Lite0.multiple * stem_stride
