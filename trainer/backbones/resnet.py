"""ResNet with bottlenecks, its last stage dilated: parameter names are torchvision's."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.backbones.layers import BatchNorm, Bottleneck, convolution

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class ResNet(nn.Module):
    """Features at a quarter of the sides and, from the last stage, at a sixteenth."""

    fine_width = 256
    coarse_width = 2048

    def __init__(self, layers: int) -> None:
        super().__init__()
        first, second, third, fourth = DEPTHS[layers]
        self.conv1, self.bn1 = convolution(3, 64, 7, stride=2), BatchNorm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(64, 64, first)
        self.layer2 = stage(256, 128, second, stride=2)
        self.layer3 = stage(512, 256, third, stride=2)
        # Dilation in place of a fifth halving: objects keep their borders.
        self.layer4 = stage(1024, 512, fourth, dilation=2)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """[N,3,h,w] -> [N,256,h/4,w/4] and [N,2048,h/16,w/16]."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(picture))))
        fine = self.layer1(stem)
        return fine, self.layer4(self.layer3(self.layer2(fine)))


def stage(
    inputs: int, width: int, blocks: int, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Bottlenecks in a row; the first changes size and width, the others are dilated."""
    outputs = Bottleneck.expansion * width
    rest = (Bottleneck(outputs, width, dilation=dilation) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(inputs, width, stride=stride), *rest)
