"""Vectors of words from their features, and vectors of tokens from words and input columns.

Each component of an embedder reads its own tensors of a batch (see `ner.nn.tensors`) and has a
`size`, the width of its vectors. A component that depends on the word alone computes vectors of the
U distinct words of a batch, which the embedder then copies to all tokens.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ner.features.vocabulary import UNKNOWN
from ner.nn.dropout import LockedDropout, WordDropout
from ner.nn.tensors import BatchTensors, WordTensors, reverse


class WordEmbedding(nn.Module):
    """A trained vector for each word of the vocabulary; other words may have a vector in the batch.

    Args:
        num_rows: Words of the vocabulary, with the unknown word.
        size: Width of a vector.
    """

    def __init__(self, num_rows: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Look up `words`; a word whose row is -1 has its vector in `vectors`."""
        rows = batch["words"]
        trained = self.table(rows.clamp(min=0))
        if "vectors" not in batch:
            return trained
        return torch.where((rows < 0)[:, None], batch["vectors"], trained)


class CharacterCNN(nn.Module):
    """A convolution over the characters of a word, then the maximum over its positions.

    Padding has no influence: positions past the end of a word are left out of the maximum, and the
    windows at the end of a word read them as zero.

    Args:
        num_rows: Rows of the table of characters, with padding (0).
        size: Width of a character's vector.
        filters: Width of a word's vector.
        width: Characters in a window, an odd number.

    Source: Ma and Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF",
    ACL 2016, section 2.1. The marks at both ends of a word are ours.
    """

    def __init__(self, num_rows: int, size: int = 30, filters: int = 50, width: int = 3) -> None:
        super().__init__()
        self.size = filters
        self.table = nn.Embedding(num_rows, size, padding_idx=0)
        uniform_rows(self.table)
        self.convolution = nn.Conv1d(size, filters, width, padding=width // 2)

    def forward(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Compute vectors of words from `characters`.

        The score of a window is a sum over its places, and there are few distinct characters. So
        each character is multiplied by the filters once for each place, and the products are looked
        up.
        """
        characters = batch["characters"]
        bias = self.convolution.bias
        assert bias is not None
        # A look-up instead of the weight itself, so that padding gets no gradient.
        table = self.table(torch.arange(self.table.num_embeddings, device=characters.device))
        # Axes: place in the window x character x filter.
        rows = torch.einsum("rs,fsk->krf", table, self.convolution.weight)
        width, num_rows = rows.shape[:2]
        windows = F.pad(characters, (width // 2, width // 2)).unfold(1, width, 1)
        places = windows + num_rows * torch.arange(width, device=characters.device)
        scores = F.embedding_bag(places.flatten(0, 1), rows.flatten(0, 1), mode="sum")
        scores = scores.view(*characters.shape, self.size)
        # Axes: word (U) x position (W) x filter (1).
        lowest = torch.finfo(scores.dtype).min
        highest = scores.masked_fill((characters == 0)[:, :, None], lowest).amax(dim=1)
        return torch.relu(highest + bias)


class CharacterLSTM(nn.Module):
    """The last states of two LSTMs, one of which reads a word forwards and one backwards.

    Args:
        num_rows: Rows of the table of characters, with padding (0).
        size: Width of a character's vector.
        hidden: Width of a word's vector, both directions together; an even number.

    Source: Lample et al., "Neural Architectures for Named Entity Recognition", NAACL 2016,
    section 4.1.
    """

    def __init__(self, num_rows: int, size: int = 30, hidden: int = 50) -> None:
        super().__init__()
        self.size = hidden
        self.table = nn.Embedding(num_rows, size, padding_idx=0)
        uniform_rows(self.table)
        self.forwards = nn.LSTM(size, hidden // 2, batch_first=True)
        self.backwards = nn.LSTM(size, hidden // 2, batch_first=True)

    def forward(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Compute vectors of words from `characters`."""
        characters = batch["characters"]
        lengths = (characters != 0).sum(dim=1)
        embedded = self.table(characters)
        last = (lengths - 1)[:, None, None]
        ahead, _ = self.forwards(embedded)
        back, _ = self.backwards(reverse(embedded, lengths))
        states = [x.gather(1, last.expand(-1, 1, x.shape[2]))[:, 0] for x in (ahead, back)]
        return torch.cat(states, dim=1)


class ShapeEmbedding(nn.Module):
    """A vector for each shape of a word, such as capitalized or all digits.

    Args:
        num_rows: Number of shapes.
        size: Width of a vector.
    """

    def __init__(self, num_rows: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Look up `shapes`."""
        return self.table(batch["shapes"])


class AffixEmbedding(nn.Module):
    """The vectors of a word's first and last letters, side by side.

    Args:
        num_rows: Rows that affixes are hashed to. Different affixes may share a row.
        size: Width of the vector of one affix.
        num_affixes: Affixes of a word.
    """

    def __init__(self, num_rows: int, size: int, num_affixes: int) -> None:
        super().__init__()
        self.size = size * num_affixes
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Look up `affixes`."""
        return self.table(batch["affixes"]).flatten(1)


class ColumnEmbedding(nn.Module):
    """The vectors of a token's input columns, such as its part of speech, side by side.

    Args:
        num_rows: Values of each column, with the unknown value.
        size: Width of the vector of one column.
    """

    def __init__(self, num_rows: Sequence[int], size: int) -> None:
        super().__init__()
        self.size = size * len(num_rows)
        tables = [nn.Embedding(rows, size) for rows in num_rows]
        for table in tables:
            uniform_rows(table)
        self.tables = nn.ModuleList(tables)

    def forward(self, batch: BatchTensors) -> Float[Tensor, "B T E"]:
        """Look up `columns`."""
        columns = batch["columns"].unbind(dim=2)
        return torch.cat([t(c) for t, c in zip(self.tables, columns, strict=True)], dim=2)


class BigramEmbedding(nn.Module):
    """The vectors of two pairs: a token and the one before it, a token and the one after it.

    Args:
        num_rows: Pairs of the vocabulary, with the unknown pair.
        size: Width of the vector of one pair.
        dropout: Share of the pairs that are unknown in training.
    """

    def __init__(self, num_rows: int, size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.size = 2 * size
        self.dropout = dropout
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: BatchTensors) -> Float[Tensor, "B T E"]:
        """Look up `bigrams`."""
        pairs = batch["bigrams"]
        if self.training and self.dropout:
            hidden = torch.rand(pairs.shape, device=pairs.device) < self.dropout
            pairs = pairs.masked_fill(hidden, UNKNOWN)
        return self.table(pairs).flatten(2)


class Embedder(nn.Module):
    """Computes vectors of tokens: those of their words, then those of the tokens themselves.

    Args:
        word_parts: Modules that compute vectors of words (U E) from a batch, each with a `size`.
        token_parts: Modules that compute vectors of tokens (B T E) from a batch, each with a
            `size`.
        dropout: Rate of locked dropout on the vectors.
        word_dropout: Share of tokens whose vector is zero in training.
    """

    def __init__(
        self,
        word_parts: Mapping[str, nn.Module],
        token_parts: Mapping[str, nn.Module],
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.word_parts = nn.ModuleDict(dict(word_parts))
        self.token_parts = nn.ModuleDict(dict(token_parts))
        components: list[Any] = [*word_parts.values(), *token_parts.values()]
        self.size: int = sum(component.size for component in components)
        self.word_dropout = WordDropout(word_dropout)
        self.dropout = LockedDropout(dropout)

    def word_rows(self, batch: WordTensors) -> Float[Tensor, "U E"]:
        """Compute the vectors of words; their width is 0 if there are no word parts."""
        if not self.word_parts:
            return torch.zeros(len(batch["words"]), 0, device=batch["words"].device)
        return torch.cat([embed(batch) for embed in self.word_parts.values()], dim=1)

    def forward(self, batch: BatchTensors) -> Float[Tensor, "B T E"]:
        """Compute the vectors of tokens; those of words are `rows`, if the batch has them."""
        words = batch["rows"] if "rows" in batch else self.word_rows(batch)
        embedded = [F.embedding(batch["tokens"], words)]
        embedded += [embed(batch) for embed in self.token_parts.values()]
        return self.dropout(self.word_dropout(torch.cat(embedded, dim=2)))


def uniform_rows(table: nn.Embedding) -> None:
    """Fill a table with uniform random numbers of variance 1 / width, and its padding with zeros.

    Source: Ma and Hovy, ACL 2016, section 3.2. The range is ±√(3 / width).
    """
    bound = math.sqrt(3 / table.embedding_dim)
    nn.init.uniform_(table.weight, -bound, bound)
    if table.padding_idx is not None:
        with torch.no_grad():
            table.weight[table.padding_idx].zero_()
