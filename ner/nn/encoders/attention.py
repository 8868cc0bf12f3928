"""Self-attention over the states of another encoder, and encoders one after the other."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.nn.dropout import LockedDropout
from ner.nn.tensors import length_mask


class SelfAttention(nn.Module):
    """Adds to the state of each token what attention finds in all tokens of its sentence.

    Attention reads states that are normalized token by token. Its result is added to the states as
    they were: these had dropout, and a normalization of the sum would learn their larger variance
    in training. There is no encoding of positions; only the states tell the order of tokens.

    Args:
        size: Width of the states, a multiple of `heads`.
        heads: Number of heads, each with its share of the features.
        dropout: Rate of locked dropout on the result of attention.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.2. The place of
    the normalization is from Xiong et al., "On Layer Normalization in the Transformer
    Architecture", ICML 2020, the learnt scale of each feature from Touvron et al., "Going Deeper
    with Image Transformers", ICCV 2021.
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
        # The result is as large as normalized states, which are many times larger than an LSTM's.
        self.scale = nn.Parameter(torch.full((size,), size**-0.5))
        for linear in (self.products, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self, embedded: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Compute the states. Positions past the end of a sentence are padding and are ignored."""
        B, T, H = embedded.shape
        inside = length_mask(lengths, T)
        # Zero times NaN is NaN, so a weight of zero does not hide padding.
        hidden = embedded.masked_fill(~inside[:, :, None], 0)
        # Axes: query, key or value x sentence (B) x head x token (T) x feature of the head.
        products = self.products(self.norm(hidden)).view(B, T, 3, self.heads, H // self.heads)
        query, key, value = products.permute(2, 0, 3, 1, 4)
        # Axes of the mask: sentence (B) x head (1) x token that reads (1) x token that is read (T).
        means = F.scaled_dot_product_attention(query, key, value, inside[:, None, None, :])
        found = self.output(means.transpose(1, 2).reshape(B, T, H))
        return hidden + self.scale * self.dropout(found)


class EncoderStack(nn.Module):
    """Several encoders, each of which reads the states of the one before it.

    Args:
        encoders: The encoders, at least one.
    """

    def __init__(self, encoders: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        last: Any = encoders[-1]
        self.size: int = last.size

    def forward(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Compute the states. Positions past the end of a sentence are padding and are ignored."""
        hidden = embedded
        for encoder in self.encoders:
            hidden = encoder(hidden, lengths)
        return hidden
