"""Scores a network at native size, against full-size labels, with the kernels that serve it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

import kernels
from kernels.contract import Contract
from kernels.paint import Mask
from trainer import talk
from trainer.data import Dataset, refuse_strays, spaced
from trainer.network import Network
from trainer.score import Score, Truth, scored


def predict(network: Network, contract: Contract, picture: NDArray[np.uint8]) -> Mask:
    """The full-size mask of a full-size picture."""
    small = kernels.seen(picture, contract)
    device = next(network.parameters()).device
    with torch.inference_mode():
        logits = network(torch.from_numpy(small)[None].to(device))[0]
    mask: Mask = kernels.paint(logits.float().cpu().numpy(), picture.shape[:2])
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
