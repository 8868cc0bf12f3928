"""Masks and reversals by length, for sentences padded to one length."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def length_mask(lengths: Int[Tensor, " B"], longest: int) -> Bool[Tensor, "B T"]:
    """Return a mask that is True on the tokens of each sentence, and False on padding.

    Args:
        lengths: Tokens of each sentence.
        longest: T.
    """
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def reverse(x: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
    """Reverse each sequence within its own length; padding stays where it is."""
    positions = torch.arange(x.shape[1], device=x.device)
    reversed_positions = lengths[:, None] - 1 - positions
    index = torch.where(reversed_positions >= 0, reversed_positions, positions)
    # Selecting rows of a matrix is several times as fast as a gather along an axis.
    rows = index + x.shape[1] * torch.arange(len(x), device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)
