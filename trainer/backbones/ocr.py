"""HRNetV2 with object-contextual representations; names are the official code's.

A first guess says which pixels look like a class, their mean is what the class looks like in this
picture, and every pixel then asks the classes what they have to say about it (Yuan et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.backbones.hrnet import HRNet, classifier, merged
from trainer.backbones.layers import BatchNorm, convolution, initialise

WIDTH = 512
KEY_WIDTH = 256
GUESS_WEIGHT = 0.4


class HRNetOCR(HRNet):
    """HRNet, a first guess, and the classes' own look in this picture."""

    fresh = ("conv3x3_ocr", "ocr_distri_head", "cls_head", "aux_head")
    head_weights = (1.0, GUESS_WEIGHT)

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width)
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(self.width, WIDTH, 3, padding=1), BatchNorm(WIDTH), nn.ReLU(inplace=True)
        )
        self.ocr_distri_head = Distribution()
        self.cls_head = nn.Conv2d(WIDTH, classes, 1)
        self.aux_head = classifier(self.width, classes)
        initialise(self, self.cls_head, self.aux_head[-1])

    def forward(self, picture: Tensor) -> Tensor:
        """Float [N,3,h,w] -> logits [N,C,h/4,w/4]."""
        return self.heads(picture)[0]

    def heads(self, picture: Tensor) -> list[Tensor]:
        """The logits, and those of the first guess."""
        return self.decode_heads(self.encode(picture))

    def decode(self, levels: list[Tensor]) -> Tensor:
        """Logits [N,C,h/4,w/4]."""
        return self.decode_heads(levels)[0]

    def decode_heads(self, levels: list[Tensor]) -> list[Tensor]:
        """The logits, and those of the first guess."""
        everything = merged(levels)
        guess = self.aux_head(everything)
        features = self.conv3x3_ocr(everything)
        looks = class_looks(features, guess)
        return [self.cls_head(self.ocr_distri_head(features, looks)), guess]


def class_looks(features: Tensor, guess: Tensor) -> Tensor:
    """Mean features [N,D,C,1] of each class, over the pixels that look like it."""
    weights = guess.flatten(2).softmax(2)
    return (features.flatten(2) @ weights.transpose(1, 2)).unsqueeze(3)


class Distribution(nn.Module):
    """Gives every pixel its part of the classes' looks."""

    def __init__(self) -> None:
        super().__init__()
        self.object_context_block = Attention()
        self.conv_bn_dropout = nn.Sequential(*_layers(2 * WIDTH, WIDTH), nn.Dropout2d(0.05))

    def forward(self, features: Tensor, looks: Tensor) -> Tensor:
        """[N,D,h,w] -> [N,D,h,w]."""
        context = self.object_context_block(features, looks)
        merged: Tensor = self.conv_bn_dropout(torch.cat([context, features], 1))
        return merged


class Attention(nn.Module):
    """Pixels ask, classes answer."""

    def __init__(self) -> None:
        super().__init__()
        self.f_pixel = nn.Sequential(*_layers(WIDTH, KEY_WIDTH), *_layers(KEY_WIDTH, KEY_WIDTH))
        self.f_object = nn.Sequential(*_layers(WIDTH, KEY_WIDTH), *_layers(KEY_WIDTH, KEY_WIDTH))
        self.f_down = nn.Sequential(*_layers(WIDTH, KEY_WIDTH))
        self.f_up = nn.Sequential(*_layers(KEY_WIDTH, WIDTH))

    def forward(self, features: Tensor, looks: Tensor) -> Tensor:
        """Features [N,D,h,w] and looks [N,D,C,1] -> context [N,D,h,w]."""
        asked = self.f_pixel(features)
        questions = asked.flatten(2).transpose(1, 2)
        keys, answers = self.f_object(looks).flatten(2), self.f_down(looks).flatten(2)
        heed = (questions @ keys * KEY_WIDTH**-0.5).softmax(2)
        context: Tensor = self.f_up((answers @ heed.transpose(1, 2)).view_as(asked))
        return context


def _layers(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.Sequential]:
    """A convolution and, nested as the official names want it, its batch norm and ReLU."""
    return convolution(inputs, outputs), nn.Sequential(BatchNorm(outputs), nn.ReLU(inplace=True))
