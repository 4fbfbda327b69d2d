"""`hrnetv2-w48-ocr`: the same, asking how each class looks here; 70.4 million weights."""

from __future__ import annotations

from trainer.backbones.ocr import HRNetOCR


def build(classes: int) -> HRNetOCR:
    """A fresh body for that many classes."""
    return HRNetOCR(48, classes)
