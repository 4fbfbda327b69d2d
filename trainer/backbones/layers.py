"""Convolutions, batch norm and residual blocks that the backbones share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

CLASSIFIER_SPREAD = 0.01


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that takes one value a channel: that has no statistics, the running ones serve."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch calls it so
        """The features, normalised; same shape."""
        if self.training and input.numel() == input.shape[1]:
            mean, variance = self.running_mean, self.running_var
            return F.batch_norm(input, mean, variance, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


def convolution(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution before a batch norm: padded to keep the size, without bias."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(
        inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False
    )


def normed(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Convolution and batch norm."""
    return nn.Sequential(
        convolution(inputs, outputs, kernel, stride=stride, dilation=dilation), BatchNorm(outputs)
    )


def rectified(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Convolution, batch norm and ReLU."""
    layers = normed(inputs, outputs, kernel, stride=stride, dilation=dilation)
    return layers.append(nn.ReLU(inplace=True))


def initialise(model: nn.Module, *classifiers: nn.Module) -> None:
    """He's initialisation; `classifiers` begin near zero, so that no class is a favourite."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for classifier in classifiers:
        nn.init.normal_(classifier.get_parameter("weight"), std=CLASSIFIER_SPREAD)


class Basic(nn.Module):
    """Two 3x3 convolutions that learn what to add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(width, width, 3), BatchNorm(width)
        self.conv2, self.bn2 = convolution(width, width, 3), BatchNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """The features, refined; same shape."""
        inner = F.relu(self.bn1(self.conv1(features)), inplace=True)
        return F.relu(features + self.bn2(self.conv2(inner)), inplace=True)


class Bottleneck(nn.Module):
    """Narrow, look around, widen to four times the inner width, and add."""

    expansion = 4

    def __init__(self, inputs: int, width: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1, self.bn1 = convolution(inputs, width), BatchNorm(width)
        self.conv2 = convolution(width, width, 3, stride=stride, dilation=dilation)
        self.bn2 = BatchNorm(width)
        self.conv3, self.bn3 = convolution(width, outputs), BatchNorm(outputs)
        same = stride == 1 and inputs == outputs
        self.downsample = nn.Sequential() if same else normed(inputs, outputs, stride=stride)

    def forward(self, features: Tensor) -> Tensor:
        """[N,inputs,h,w] -> [N,4*width,h/stride,w/stride]."""
        inner = F.relu(self.bn1(self.conv1(features)), inplace=True)
        inner = F.relu(self.bn2(self.conv2(inner)), inplace=True)
        return F.relu(self.downsample(features) + self.bn3(self.conv3(inner)), inplace=True)
