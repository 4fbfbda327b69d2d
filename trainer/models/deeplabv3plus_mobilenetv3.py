"""`deeplabv3plus-mobilenetv3`: DeepLabV3+, 11.1 million weights; takes MobileNetV3-Large."""

from __future__ import annotations

from trainer.backbones.deeplabv3plus import DeepLabV3Plus
from trainer.backbones.mobilenetv3 import MobileNetV3


def build(classes: int) -> DeepLabV3Plus:
    """A fresh body for that many classes."""
    return DeepLabV3Plus(MobileNetV3(), classes)
