"""From the states of a text's tokens to one vector, exact under padding.

Every pooling maps states (B T H) and lengths (B) to a `Pooled`, has the `size` of its vectors, and
`num_heads`, the rows of attention that it gives. What stands behind the end of a text is replaced
before anything is computed with it, so that not even a NaN there can matter.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.nn.documents import cut_parts
from ner.nn.masks import length_mask


class Pooled(NamedTuple):
    """What became of a batch of texts.

    Args:
        vectors: One a text.
        attention: How much each token mattered; each row sums to 1 and is 0 behind the end. None
            where the pooling does not weigh tokens.
        penalty: What each text adds to the loss, in nats; None for nothing.
    """

    vectors: Float[Tensor, "B P"]
    attention: Float[Tensor, "B K T"] | None = None
    penalty: Float[Tensor, " B"] | None = None


def fill_behind(
    hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], value: float
) -> Float[Tensor, "B T H"]:
    """Put a value behind the end of each text."""
    return hidden.masked_fill(~length_mask(lengths, hidden.shape[1])[:, :, None], value)


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


class MaxPooling(nn.Module):
    """The greatest value of each feature.

    It gives no attention: the share of features whose greatest value is a token's would jump
    where two values are all but equal, so that the company of a text would show in it.
    """

    num_heads = 0

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.size = input_size

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens; equal values share the gradient."""
        return Pooled(fill_behind(hidden, lengths, -torch.inf).amax(dim=1))


class MeanPooling(nn.Module):
    """The mean over tokens; no attention, since no token matters more than another."""

    num_heads = 0

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.size = input_size

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens."""
        return Pooled(fill_behind(hidden, lengths, 0.0).sum(dim=1) / lengths[:, None])


class LastStates(nn.Module):
    """The states in which each direction has read all: at the last token, and at the first.

    Args:
        input_size: Width of the states.
        bidirectional: Whether their second half is that of the backward direction; else all of
            them are taken at the last token.
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
    """Several poolings side by side, their rows of attention below each other.

    Args:
        parts: The poolings, in the order of their vectors.
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        each: list[Any] = list(parts)
        self.size: int = sum(part.size for part in each)
        self.num_heads: int = sum(part.num_heads for part in each)

    def forward(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Pooled:
        """Pool all tokens in each way."""
        found: list[Pooled] = [part(hidden, lengths) for part in self.parts]
        attention = [each.attention for each in found if each.attention is not None]
        penalties = [each.penalty for each in found if each.penalty is not None]
        return Pooled(
            torch.cat([each.vectors for each in found], dim=1),
            torch.cat(attention, dim=1) if attention else None,
            torch.stack(penalties).sum(dim=0) if penalties else None,
        )


class HierarchicalPooling(nn.Module):
    """Words are pooled within each sentence of a document, then sentences by attention.

    The attention of a token is that of its sentence times its own within the sentence; where the
    words are pooled without attention, all tokens of a sentence share its attention equally.

    Args:
        words: Pools words.
        size: Width of the keys of the attention over sentences.

    Source: Yang et al., NAACL 2016, as for `AdditiveAttention`. There a second recurrent network
    runs over the sentences; here one that has read the whole document is below.
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
        parts: Int[Tensor, "B T"],
    ) -> Pooled:
        """Pool all tokens.

        Args:
            hidden: States.
            lengths: Tokens of each document.
            parts: The sentence of each token: a new one begins where the number changes. What
                stands behind the end means nothing.
        """
        cut = cut_parts(parts, lengths)
        within: Pooled = self.words(cut.tokens(hidden), cut.lengths)
        whole: Pooled = self.sentences(cut.parts(within.vectors), cut.counts)
        shares = within.attention
        if shares is None:
            shares = (1 / cut.lengths.to(hidden.dtype))[:, None, None]
            shares = shares.expand(-1, 1, int(cut.lengths.max()))
        assert whole.attention is not None
        attention = cut.spread(shares, whole.attention[:, 0])
        if within.penalty is None:
            return Pooled(whole.vectors, attention)
        sums = torch.zeros_like(whole.vectors[:, 0]).index_add(0, cut.documents, within.penalty)
        return Pooled(whole.vectors, attention, sums / cut.counts)


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
    """Build the pooling of the section `pooling` of a configuration.

    Args:
        input_size: Width of the states.
        kinds: See `PoolingConfig`, as for what follows.
        size: Width of the keys of attention.
        heads: Of `attention`.
        hops: Heads of `structured`.
        penalty: Of `structured`.
        hierarchical: Pool words within sentences, then sentences.
        bidirectional: Whether the second half of the states are those of a backward direction.

    Raises:
        ConfigError: Heads do not divide the width of the states.
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
