"""Poolings: from the states of the tokens of a text to one vector, exact under padding.

A pooling is called with states (B T H) and lengths (B), and returns a `Pooled`. It has a `size`,
the width of its vectors, and `num_heads`, the number of rows of attention that it returns. States
past the end of a text are padding and are ignored: they are replaced before anything is computed,
so that even a NaN there has no influence.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.nn.documents import lay_out_sentences
from ner.nn.tensors import length_mask


class Pooled(NamedTuple):
    """The result of a pooling for a batch of texts."""

    vectors: Float[Tensor, "B P"]
    """The vector of each text."""
    attention: Float[Tensor, "B K T"] | None = None
    """The weight of each token: each row sums to 1, and is 0 past the end. None if the pooling does
    not weigh tokens."""
    penalty: Float[Tensor, " B"] | None = None
    """What each text adds to the loss, in nats; None for nothing."""


class AdditiveAttention(nn.Module):
    """Weights of the tokens of a text: for each query, the softmax of `query · tanh(keys(state))`.

    Args:
        input_size: Width of the states.
        size: Width of the keys.
        num_heads: Number of queries.

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and
    Translate", ICLR 2015, appendix A.1.2. As in Yang et al., "Hierarchical Attention Networks for
    Document Classification", NAACL 2016, section 2.2, a learnt vector replaces the state of the
    decoder.
    """

    def __init__(self, input_size: int, size: int, num_heads: int) -> None:
        super().__init__()
        self.keys = nn.Linear(input_size, size)
        self.queries = nn.Linear(size, num_heads, bias=False)

    def forward(
        self, states: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B K T"]:
        """Compute the weights; states past the end of a text have to be finite."""
        scores = self.queries(torch.tanh(self.keys(states))).transpose(1, 2)
        outside = ~length_mask(lengths, states.shape[1])
        # Axes: text (B) x head (1) x token (T).
        return scores.masked_fill(outside[:, None, :], -torch.inf).softmax(dim=2)


class AttentionPooling(nn.Module):
    """A weighted mean over tokens. With several heads, each one weighs its share of the features.

    Args:
        input_size: Width of the states and of the vector.
        size: Width of the keys of the attention.
        num_heads: Number of heads, which must divide `input_size`.

    Source: `AdditiveAttention`. Heads with a share of the features each are from Vaswani et al.,
    "Attention Is All You Need", NeurIPS 2017, section 3.2.2; here, all heads have the same keys.
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
        states = fill_padding(hidden, lengths, 0.0)
        weights = self.attention(states, lengths)
        # Axes: text (B) x head (K) x token (T) x feature of the head.
        shares = states.unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        vectors = (weights[:, :, None, :] @ shares).flatten(1)
        return Pooled(vectors, weights)


class StructuredAttention(nn.Module):
    """Several weighted means over tokens, each of all features, side by side.

    Args:
        input_size: Width of the states; the vector is `num_heads` times as wide.
        size: Width of the keys of the attention.
        num_heads: Number of means.
        penalty: Weight of the penalty `||A A^T - I||_F^2`, which is 0 if each head looks at one
            token, different from those of the other heads. 0 leaves it out.

    Source: Lin et al., "A Structured Self-Attentive Sentence Embedding", ICLR 2017, sections 2.1
    and 2.2, where there are 30 heads, keys of width 350 and a penalty of 1. Here, the keys have a
    bias.
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
        states = fill_padding(hidden, lengths, 0.0)
        weights = self.attention(states, lengths)
        vectors = (weights @ states).flatten(1)
        if not self.penalty:
            return Pooled(vectors, weights)
        products = weights @ weights.transpose(1, 2)
        identity = torch.eye(self.num_heads, device=weights.device, dtype=weights.dtype)
        return Pooled(vectors, weights, self.penalty * (products - identity).square().sum((1, 2)))


class MaxPooling(nn.Module):
    """The greatest value of each feature.

    There is no attention: it would be the share of features whose greatest value comes from a
    token, which jumps where two values are nearly equal, so it would depend on the other texts of a
    batch.

    Args:
        input_size: Width of the states and of the vector.
    """

    num_heads = 0

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.size = input_size

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens. If values are equal, they share the gradient."""
        return Pooled(fill_padding(hidden, lengths, -torch.inf).amax(dim=1))


class MeanPooling(nn.Module):
    """The mean over tokens. There is no attention, since all tokens have the same weight.

    Args:
        input_size: Width of the states and of the vector.
    """

    num_heads = 0

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.size = input_size

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens."""
        return Pooled(fill_padding(hidden, lengths, 0.0).sum(dim=1) / lengths[:, None])


class LastStates(nn.Module):
    """The state of each direction after it has read the whole text: at the last and first token.

    Args:
        input_size: Width of the states and of the vector.
        bidirectional: Whether the second half of the states belongs to the backward direction. If
            not, the whole state of the last token is taken.
    """

    num_heads = 0

    def __init__(self, input_size: int, bidirectional: bool = True) -> None:
        super().__init__()
        self.size = input_size
        self.num_forward = input_size // 2 if bidirectional else input_size

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Take the last state of each direction."""
        last = hidden[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        first = hidden[:, 0, self.num_forward :]
        return Pooled(torch.cat([last[:, : self.num_forward], first], dim=1))


class ConcatenatedPooling(nn.Module):
    """Several poolings: their vectors side by side, their rows of attention one after the other.

    Args:
        poolings: The poolings, in the order of their vectors.
    """

    def __init__(self, poolings: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(poolings)  # this name is part of the names of weights
        components: list[Any] = list(poolings)
        self.size: int = sum(component.size for component in components)
        self.num_heads: int = sum(component.num_heads for component in components)

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens."""
        results: list[Pooled] = [pooling(hidden, lengths) for pooling in self.parts]
        attention = [pooled.attention for pooled in results if pooled.attention is not None]
        penalties = [pooled.penalty for pooled in results if pooled.penalty is not None]
        return Pooled(
            torch.cat([pooled.vectors for pooled in results], dim=1),
            torch.cat(attention, dim=1) if attention else None,
            torch.stack(penalties).sum(dim=0) if penalties else None,
        )


class HierarchicalPooling(nn.Module):
    """Pools the words of each sentence of a document, then the sentences by attention.

    The attention of a token is its weight in the sentence times the weight of the sentence. If
    words are pooled without attention, all tokens of a sentence have the same weight in it.

    Args:
        words: Pools the words of a sentence.
        size: Width of the keys of the attention over sentences.

    Source: Yang et al., NAACL 2016, see `AdditiveAttention`. In the paper, a second recurrent
    network reads the sentences; here, the only encoder has read the whole document.
    """

    def __init__(self, words: nn.Module, size: int = 100) -> None:
        super().__init__()
        pooling: Any = words
        self.words = words
        self.sentences = AttentionPooling(pooling.size, size)
        self.size: int = pooling.size
        self.num_heads: int = max(1, pooling.num_heads)

    def forward(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        sentence_ids: Int[Tensor, "B T"],
    ) -> Pooled:
        """Pool all tokens.

        Args:
            hidden: States.
            lengths: Tokens of each document.
            sentence_ids: The sentence of each token. A sentence begins where the number changes.
        """
        layout = lay_out_sentences(sentence_ids, lengths)
        within: Pooled = self.words(layout.gather_tokens(hidden), layout.lengths)
        whole: Pooled = self.sentences(layout.gather_sentences(within.vectors), layout.counts)
        weights = within.attention
        if weights is None:
            weights = (1 / layout.lengths.to(hidden.dtype))[:, None, None]
            weights = weights.expand(-1, 1, int(layout.lengths.max()))
        assert whole.attention is not None
        attention = layout.multiply_weights(weights, whole.attention[:, 0])
        if within.penalty is None:
            return Pooled(whole.vectors, attention)
        sums = torch.zeros_like(whole.vectors[:, 0]).index_add(0, layout.documents, within.penalty)
        return Pooled(whole.vectors, attention, sums / layout.counts)


def build_pooling(
    input_size: int,
    *,
    kinds: Sequence[str] = ("attention",),
    size: int = 100,
    heads: int = 1,
    hops: int = 4,
    penalty: float = 0.0,
    hierarchical: bool = False,
    bidirectional: bool = True,
) -> nn.Module:
    """Build the pooling that the section `pooling` of a configuration describes.

    Args:
        input_size: Width of the states.
        kinds: One or several of "attention", "structured", "max", "mean" and "last".
        size: Width of the keys of attention.
        heads: Heads of "attention".
        hops: Heads of "structured".
        penalty: Weight of the penalty of "structured".
        hierarchical: Whether to pool the words of each sentence, then the sentences.
        bidirectional: Whether the second half of the states belongs to a backward direction.

    Raises:
        ConfigError: `heads` does not divide the width of the states.
    """
    builders = {
        "attention": lambda: AttentionPooling(input_size, size, heads),
        "structured": lambda: StructuredAttention(input_size, size, hops, penalty),
        "max": lambda: MaxPooling(input_size),
        "mean": lambda: MeanPooling(input_size),
        "last": lambda: LastStates(input_size, bidirectional),
    }
    chosen = [builders[kind]() for kind in kinds]
    pooling = chosen[0] if len(chosen) == 1 else ConcatenatedPooling(chosen)
    return HierarchicalPooling(pooling, size) if hierarchical else pooling


def fill_padding(
    hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], value: float
) -> Float[Tensor, "B T H"]:
    """Replace the states past the end of each text by a value."""
    return hidden.masked_fill(~length_mask(lengths, hidden.shape[1])[:, :, None], value)
