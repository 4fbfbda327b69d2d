"""A network without batch statistics, so that parts of a batch are what the whole is."""

import pytest
import torch

from trainer import checkpoint, network
from trainer.network import Network


class Plain(torch.nn.Module):
    """Two convolutions."""

    stride = 1
    multiple = 1

    def __init__(self, classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, classes, 3, padding=1),
        )

    def forward(self, picture):
        return self.layers(picture)


@pytest.fixture
def plain_network(monkeypatch):
    """Every model is this one while the test runs."""
    for place in (network, checkpoint):
        monkeypatch.setattr(place, "build", lambda model, classes: Network(Plain(classes)))
