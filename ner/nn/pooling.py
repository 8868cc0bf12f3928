"""From the states of a text's tokens to one vector, exact under padding.

Every pooling maps states (B T H) and lengths (B) to a `Pooled`, has the `size` of its vectors, and
`num_heads`, the rows of attention that it gives. What stands behind the end of a text is replaced
before anything is computed with it, so that not even a NaN there can matter.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.attention_pooling import AttentionPooling, StructuredAttention
from ner.nn.parts import cut_parts
from ner.nn.pooled import Pooled, fill_behind


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
        kinds: See `PoolingSection`, as for what follows.
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
