"""Counts the floating point operations of a network, without computing any of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from kernels.factor import small_size
from trainer import talk
from trainer.network import Network

Size = tuple[int, int]


def flops(
    network: Network, factor: Fraction, crop: Size, picture: Size
) -> tuple[int | None, int | None]:
    """(one training crop there and back, the mask of one full `picture`); None: uncountable."""
    # Meta tensors have a shape and no content: the count costs nothing, at any size.
    shape = copy.deepcopy(network).to("meta")
    try:
        sight = network.sight
        seen = crop[0] * sight, crop[1] * sight
        return _training(shape, seen), _inference(shape, small_size(picture, factor, sight))
    except (RuntimeError, ValueError, NotImplementedError) as error:
        # Whatever a model of somebody's own does that depends on the content.
        talk.say(f"note: operations not counted ({str(error).splitlines()[0]})")
        return None, None


def _training(network: Network, size: Size) -> int:
    network.train()
    # Batch norm wants more than one value a channel, however small the crop.
    pictures = torch.empty((2, *size, 3), dtype=torch.uint8, device="meta")
    way_back = {torch.ops.aten.convolution_backward: _way_back}
    with FlopCounterMode(display=False, custom_mapping=way_back) as counter:
        total = torch.stack([logits.sum() for logits in network.heads(pictures)]).sum()
        total.backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops()) // 2


def _way_back(
    gradient: Sequence[int],
    features: Sequence[int],
    weights: Sequence[int],
    *settings: Any,
    **_: Any,
) -> int:
    """Of a convolution, for each gradient that is wanted as many as on the way there.

    torch's own count takes every channel of a depthwise one to meet all others.
    """
    transposed, _padding, _groups, wanted = settings[4:]
    places = features[2:] if transposed else gradient[2:]
    gradients: int = sum(wanted[:2])
    return gradients * 2 * gradient[0] * math.prod(places) * math.prod(weights)


def _inference(network: Network, size: Size) -> int:
    network.eval()
    pictures = torch.empty((1, *size, 3), dtype=torch.uint8, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(pictures)
    return int(counter.get_total_flops())
