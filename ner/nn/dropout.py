"""Dropout that is the same at every token of a sentence, and dropout of whole words."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Drop the same features at each position of a sequence, in training only.

    Args:
        rate: Share of features dropped, in [0, 1).

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
    Neural Networks", NeurIPS 2016, section 4.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Scale what is kept by 1 / (1 - rate)."""
        if not self.training or self.rate == 0:
            return x
        keep = torch.empty_like(x[:, :1]).bernoulli_(1 - self.rate)
        return x * (keep / (1 - self.rate))


class WordDropout(nn.Module):
    """Set all features of a token to zero, in training only; the rest is not scaled.

    Args:
        rate: Share of tokens dropped, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Hide tokens at random."""
        if not self.training or self.rate == 0:
            return x
        return x * torch.empty_like(x[..., :1]).bernoulli_(1 - self.rate)
