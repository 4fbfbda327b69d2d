"""`hrnetv2-w48`: high resolution all the way, 65.9 million weights; takes official checkpoints."""

from __future__ import annotations

from trainer.backbones.hrnet import HRNetV2


def build(classes: int) -> HRNetV2:
    """A fresh body for that many classes."""
    return HRNetV2(48, classes)
