"""Dropout that is the same at all tokens of a sentence, and dropout of whole tokens."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Drops the same features at all tokens of a sentence, in training only.

    Args:
        rate: Share of features that are dropped, in [0, 1).

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
    Neural Networks", NeurIPS 2016, section 4.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Set features to zero at random, and divide the others by 1 - rate."""
        if not self.training or self.rate == 0:
            return x
        keep = torch.empty_like(x[:, :1]).bernoulli_(1 - self.rate)
        return x * (keep / (1 - self.rate))


class WordDropout(nn.Module):
    """Drops all features of a token, in training only; the other tokens are not scaled.

    Args:
        rate: Share of tokens that are dropped, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Set tokens to zero at random."""
        if not self.training or self.rate == 0:
            return x
        return x * torch.empty_like(x[..., :1]).bernoulli_(1 - self.rate)
