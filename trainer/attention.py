"""Every place of a picture asks all the others: attention that is never held as a matrix."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# Kernels for GPUs want widths in whole eights.
WIDTH_STEP = 8
LEAST_WEIGHT = 1e-30


def aggregated(features: Tensor, values: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """Each place's mean of all `values`, in float32: the more, the more alike their features are.

    Features [N,D,T] of length 1, values [N,C,T], weights [N,T]: the sum over j of s_ij * values_j
    with s_ij = weights_j * exp(features_i . features_j / temperature) / the sum of these over j.
    The weights are one more feature, so that no mask is needed.
    """
    asked = features.float().transpose(1, 2)
    bias = temperature * weights.float().clamp_min(LEAST_WEIGHT).log()
    queries = torch.cat([asked, torch.ones_like(bias)[..., None]], 2)
    keys = torch.cat([asked, bias[..., None]], 2)
    return _found(queries, keys, values.float().transpose(1, 2), 1 / temperature)


def attended(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """For each query [N,D,T] the mean of values [N,C,T] by softmax(scale * query . key)."""
    query, key, value = (one.float().transpose(1, 2) for one in (queries, keys, values))
    return _found(query, key, value, scale)


# Scaled-dot-product attention needs memory for T places, not for T x T pairs, where keys and values
# are of one width and nothing is masked.
def _found(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    most = max(keys.shape[2], values.shape[2])
    width = -(-most // WIDTH_STEP) * WIDTH_STEP
    query, key, value = (_widened(one, width)[:, None] for one in (queries, keys, values))
    found = F.scaled_dot_product_attention(query, key, value, scale=scale)[:, 0]
    return found[..., : values.shape[2]].transpose(1, 2)


def _widened(rows: Tensor, width: int) -> Tensor:
    """Rows [N,T,D] with zeros up to `width`: they change no dot product."""
    return F.pad(rows, (0, width - rows.shape[2]))
