"""`hrnetv2-w18-ocr`: the same, asking how each class looks here; 12.1 million weights."""

from __future__ import annotations

from trainer.backbones.ocr import HRNetOCR


def build(classes: int) -> HRNetOCR:
    """A fresh body for that many classes."""
    return HRNetOCR(18, classes)
