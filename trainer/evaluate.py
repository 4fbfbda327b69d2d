"""Scores a network at native size, against full-size labels, with the kernels that serve it."""

from __future__ import annotations

import numpy as np
import torch

import kernels
from kernels import picture as pictures
from kernels.contract import Contract
from kernels.paint import Mask
from kernels.picture import Picture
from trainer import talk
from trainer.data import Dataset, refuse_strays, spaced
from trainer.network import Network
from trainer.score import Score, Truth, scored


def predict(network: Network, contract: Contract, picture: Picture) -> Mask:
    """The full-size mask of a picture, whole or reduced by its decoder."""
    small = pictures.seen(picture, contract)
    device = next(network.parameters()).device
    with torch.inference_mode():
        # A copy: what a decoder has made may not be written to, and torch wants to be able to.
        logits = network(torch.tensor(small)[None].to(device))[0]
    mask: Mask = kernels.paint(logits.float().cpu().numpy(), pictures.size(picture))
    return mask


def evaluate(
    network: Network, contract: Contract, dataset: Dataset, split: str, *, most: int | None = None
) -> Score:
    """The score over a split, or `most` pairs of it. Leaves the network in evaluation mode."""
    network.eval()
    classes = len(contract.classes)
    total = np.zeros((2, classes, classes), np.int64)
    pairs = spaced(dataset.split(split), most)
    for pair in talk.track(pairs, f"scoring {split}", len(pairs)):
        sample = pair.read()
        refuse_strays(sample.labels, pair.mask, classes, dataset.ignore)
        mask = predict(network, contract, sample.picture)
        total += Truth(sample.labels, classes, dataset.ignore).against(mask)
    return scored(contract.classes, total)
