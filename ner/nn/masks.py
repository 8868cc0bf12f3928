"""Masks and reversals by length, for sentences padded to one length."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def length_mask(lengths: Int[Tensor, " B"], longest: int) -> Bool[Tensor, "B T"]:
    """Mark the tokens of each sentence with True."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def reverse(x: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
    """Turn each sequence around within its own length; what stands behind it stays there."""
    positions = torch.arange(x.shape[1], device=x.device)
    turned = lengths[:, None] - 1 - positions
    index = torch.where(turned >= 0, turned, positions)
    # Rows of a matrix are moved several times as fast as by a gather along an axis.
    rows = index + x.shape[1] * torch.arange(len(x), device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)
