"""`deeplabv3plus-resnet101`: DeepLabV3+, 58.8 million weights; takes torchvision's ResNet-101."""

from __future__ import annotations

from trainer.backbones.deeplabv3plus import DeepLabV3Plus
from trainer.backbones.resnet import ResNet


def build(classes: int) -> DeepLabV3Plus:
    """A fresh body for that many classes."""
    return DeepLabV3Plus(ResNet(101), classes)
