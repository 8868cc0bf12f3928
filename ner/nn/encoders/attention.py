"""Self-attention over the states of another encoder."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.nn.dropout import LockedDropout
from ner.nn.masks import length_mask


class SelfAttention(nn.Module):
    """Each token looks at all tokens of its sentence; what it finds is added to its state.

    It looks at states that are normalised, token by token, and adds to those that are not: these
    went through dropout, whose larger variance in training a norm on the way out would learn. It
    knows nothing of the order of tokens but what their states know.

    Args:
        size: Width of the states, a multiple of `heads`.
        heads: Ways of looking, each over its share of the states.
        dropout: Rate of locked dropout on what is added.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.2; the place of
    the norm, Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020; the
    learnt scale of each feature, Touvron et al., "Going Deeper with Image Transformers", ICCV 2021.
    """

    def __init__(self, size: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.heads = heads
        # Queries, keys and values.
        self.products = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)
        self.dropout = LockedDropout(dropout)
        self.norm = nn.LayerNorm(size)
        # What it finds has the size of normalised states, many times that of an LSTM's.
        self.scale = nn.Parameter(torch.full((size,), size**-0.5))
        for linear in (self.products, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self, embedded: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Encode; what stands behind the end of a sentence means nothing."""
        B, T, H = embedded.shape
        inside = length_mask(lengths, T)
        # A weight of zero is not enough where the value is not a number.
        hidden = embedded.masked_fill(~inside[:, :, None], 0)
        # Axes: one of three x sentence (B) x head x token (T) x its share of the states.
        products = self.products(self.norm(hidden)).view(B, T, 3, self.heads, H // self.heads)
        query, key, value = products.permute(2, 0, 3, 1, 4)
        # Axes: sentence (B) x head (1) x who looks (1) x at whom (T).
        seen = F.scaled_dot_product_attention(query, key, value, inside[:, None, None, :])
        found = self.output(seen.transpose(1, 2).reshape(B, T, H))
        return hidden + self.scale * self.dropout(found)


class EncoderStack(nn.Module):
    """Encoders above each other.

    Args:
        encoders: At least one; each reads what the one before it gives.
    """

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        last: Any = encoders[-1]
        self.size: int = last.size

    def forward(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Encode; what stands behind the end of a sentence means nothing."""
        hidden = embedded
        for encoder in self.encoders:
            hidden = encoder(hidden, lengths)
        return hidden
