"""Poolings that weigh tokens: weighted means of their states, by one head or several."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.nn.heads import length_mask
from ner.nn.pooled import Pooled, fill_behind


class AdditiveAttention(nn.Module):
    """Weights of tokens: the softmax over a text of `query · tanh(keys(state))`, for each query.

    Args:
        input_size: Width of the states.
        size: Width of the keys.
        num_heads: Rows of weights.

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and
    Translate", ICLR 2015, appendix A.1.2; Yang et al., "Hierarchical Attention Networks for
    Document Classification", NAACL 2016, section 2.2, where a learnt vector takes the place of
    the decoder's state, as it does here.
    """

    def __init__(self, input_size: int, size: int, num_heads: int) -> None:
        super().__init__()
        self.keys = nn.Linear(input_size, size)
        self.queries = nn.Linear(size, num_heads, bias=False)

    def forward(
        self, states: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B K T"]:
        """Weigh tokens; the states behind the end have to be finite."""
        scores = self.queries(torch.tanh(self.keys(states))).transpose(1, 2)
        behind = ~length_mask(lengths, states.shape[1])
        # Axes: text (B) x head (1) x token (T).
        return scores.masked_fill(behind[:, None, :], -torch.inf).softmax(dim=2)


class AttentionPooling(nn.Module):
    """A weighted mean over tokens; with several heads, each weighs a share of the features.

    Args:
        input_size: Width of the states, and of the vector.
        size: Width of the keys of the attention.
        num_heads: How many there are; they have to divide `input_size`.

    Source: see `AdditiveAttention`; that heads share the features out among them is from Vaswani
    et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.2. Here they share the keys.
    """

    def __init__(self, input_size: int, size: int = 100, num_heads: int = 1) -> None:
        super().__init__()
        if input_size % num_heads:
            raise ConfigError(
                f"pooling.heads: must divide the width of the states, {input_size}. "
                f"Got {num_heads}."
            )
        self.size = input_size
        self.num_heads = num_heads
        self.attention = AdditiveAttention(input_size, size, num_heads)

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens."""
        states = fill_behind(hidden, lengths, 0.0)
        weights = self.attention(states, lengths)
        # Axes: text (B) x head (K) x token (T) x feature of the head.
        shares = states.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        vectors = (weights[:, :, None, :] @ shares).flatten(1)
        return Pooled(vectors, weights)


class StructuredAttention(nn.Module):
    """Several weighted means over tokens side by side, each of all features.

    Args:
        input_size: Width of the states; the vector is `num_heads` times as wide.
        size: Width of the keys of the attention.
        num_heads: How many means there are.
        penalty: Weight of `||A A^T - I||_F^2`, which is 0 where each head looks at one token of
            its own. 0 leaves it out.

    Source: Lin et al., "A Structured Self-Attentive Sentence Embedding", ICLR 2017, sections 2.1
    and 2.2 (there 30 heads, keys of 350, penalty 1). The keys have a bias here.
    """

    def __init__(
        self, input_size: int, size: int = 100, num_heads: int = 4, penalty: float = 0.0
    ) -> None:
        super().__init__()
        self.size = num_heads * input_size
        self.num_heads = num_heads
        self.penalty = penalty
        self.attention = AdditiveAttention(input_size, size, num_heads)

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens."""
        states = fill_behind(hidden, lengths, 0.0)
        weights = self.attention(states, lengths)
        vectors = (weights @ states).flatten(1)
        if not self.penalty:
            return Pooled(vectors, weights)
        likeness = weights @ weights.transpose(1, 2)
        unity = torch.eye(self.num_heads, device=weights.device, dtype=weights.dtype)
        return Pooled(vectors, weights, self.penalty * (likeness - unity).square().sum((1, 2)))
