"""Vectors of words from all that a word shows; vectors of tokens from words and input columns.

Each part of an embedder reads its own arrays of a batch (see `ner.features.batches`) and has a
`size`. Parts that depend on the word alone work on the U distinct words of the batch.
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
from ner.nn.masks import reverse

Batch = Mapping[str, Tensor]


class WordEmbedding(nn.Module):
    """A trained row for each word of the vocabulary; other words may bring a vector of their own.

    Args:
        num_rows: Words of the vocabulary, the unknown word included.
        size: Width of a vector.
    """

    def __init__(self, num_rows: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Read `words`, and `vectors` where some word has none of the trained rows (-1)."""
        rows = batch["words"]
        trained = self.table(rows.clamp(min=0))
        if "vectors" not in batch:
            return trained
        return torch.where((rows < 0)[:, None], batch["vectors"], trained)


class CharacterCNN(nn.Module):
    """Convolution over the characters of a word, then the maximum over its positions.

    Padding never enters: positions behind the word are left out of the maximum, and read as zero
    by the last window.

    Args:
        num_rows: Rows of the character table, padding (0) included.
        size: Width of a character's vector.
        filters: Width of the result.
        width: Characters in a window, odd.

    Source: Ma and Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF",
    ACL 2016, section 2.1, with marks at both edges of the word added.
    """

    def __init__(self, num_rows: int, size: int = 30, filters: int = 50, width: int = 3) -> None:
        super().__init__()
        self.size = filters
        self.table = nn.Embedding(num_rows, size, padding_idx=0)
        uniform_rows(self.table)
        self.convolution = nn.Conv1d(size, filters, width, padding=width // 2)

    def forward(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Read `characters`.

        A window's score is a sum of one row per place in it, and there are few different
        characters: so the rows are multiplied by the filters once, and then only looked up.
        """
        characters = batch["characters"]
        bias = self.convolution.bias
        assert bias is not None
        # Looked up, not taken as it is: so padding gets no gradient.
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
    """The last states of an LSTM that reads a word forwards and one that reads it backwards.

    Args:
        num_rows: Rows of the character table, padding (0) included.
        size: Width of a character's vector.
        hidden: Width of the result, both directions, even.

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

    def forward(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Read `characters`."""
        characters = batch["characters"]
        lengths = (characters != 0).sum(dim=1)
        embedded = self.table(characters)
        last = (lengths - 1)[:, None, None]
        ahead, _ = self.forwards(embedded)
        back, _ = self.backwards(reverse(embedded, lengths))
        states = [x.gather(1, last.expand(-1, 1, x.shape[2]))[:, 0] for x in (ahead, back)]
        return torch.cat(states, dim=1)


class ShapeEmbedding(nn.Module):
    """A vector for each shape of a word: its case, its digits."""

    def __init__(self, num_rows: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Read `shapes`."""
        return self.table(batch["shapes"])


class AffixEmbedding(nn.Module):
    """A vector for each of a word's first and last letter groups, side by side.

    Args:
        num_rows: Rows that affixes are hashed into; different ones may share a row.
        size: Width of one affix's vector.
        num_affixes: Affixes of a word.
    """

    def __init__(self, num_rows: int, size: int, num_affixes: int) -> None:
        super().__init__()
        self.size = size * num_affixes
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Read `affixes`."""
        return self.table(batch["affixes"]).flatten(1)


class ColumnEmbedding(nn.Module):
    """A vector for each input column of a token, such as its part of speech, side by side."""

    def __init__(self, num_rows: Sequence[int], size: int) -> None:
        super().__init__()
        self.size = size * len(num_rows)
        tables = [nn.Embedding(rows, size) for rows in num_rows]
        for table in tables:
            uniform_rows(table)
        self.tables = nn.ModuleList(tables)

    def forward(self, batch: Batch) -> Float[Tensor, "B T E"]:
        """Read `columns`."""
        columns = batch["columns"].unbind(dim=2)
        return torch.cat([t(c) for t, c in zip(self.tables, columns, strict=True)], dim=2)


class BigramEmbedding(nn.Module):
    """A vector for the pair of a token with the one before, and one for that with the one behind.

    Args:
        num_rows: Pairs of the vocabulary, the unknown pair included.
        size: Width of one pair's vector.
        dropout: Share of the pairs that training shows as unknown.
    """

    def __init__(self, num_rows: int, size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.size = 2 * size
        self.dropout = dropout
        self.table = nn.Embedding(num_rows, size)
        uniform_rows(self.table)

    def forward(self, batch: Batch) -> Float[Tensor, "B T E"]:
        """Read `bigrams`."""
        pairs = batch["bigrams"]
        if self.training and self.dropout:
            hidden = torch.rand(pairs.shape, device=pairs.device) < self.dropout
            pairs = pairs.masked_fill(hidden, UNKNOWN)
        return self.table(pairs).flatten(2)


class Embedder(nn.Module):
    """Tokens to vectors: parts of the word, looked up once a distinct word, and input columns.

    Args:
        word_parts: Modules from a batch to (U E), each with a `size`.
        token_parts: Modules from a batch to (B T E), each with a `size`.
        dropout: Locked dropout on the result.
        word_dropout: Share of tokens whose vector is set to zero.
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
        parts: list[Any] = [*word_parts.values(), *token_parts.values()]
        self.size: int = sum(part.size for part in parts)
        self.word_dropout = WordDropout(word_dropout)
        self.dropout = LockedDropout(dropout)

    def word_rows(self, batch: Batch) -> Float[Tensor, "U E"]:
        """Give the vectors of words, without numbers where there are no word parts."""
        if not self.word_parts:
            return torch.zeros(len(batch["words"]), 0, device=batch["words"].device)
        return torch.cat([part(batch) for part in self.word_parts.values()], dim=1)

    def forward(self, batch: Batch) -> Float[Tensor, "B T E"]:
        """Read `tokens`, what the token parts read, and `rows` or what the word parts read."""
        words = batch["rows"] if "rows" in batch else self.word_rows(batch)
        embedded = [F.embedding(batch["tokens"], words)]
        embedded += [part(batch) for part in self.token_parts.values()]
        return self.dropout(self.word_dropout(torch.cat(embedded, dim=2)))


def uniform_rows(table: nn.Embedding) -> None:
    """Fill a table with uniform numbers of variance 1 / width, padding with zeros.

    Source: Ma and Hovy, ACL 2016, section 3.2 (the range is the root of 3 / width).
    """
    bound = math.sqrt(3 / table.embedding_dim)
    nn.init.uniform_(table.weight, -bound, bound)
    if table.padding_idx is not None:
        with torch.no_grad():
            table.weight[table.padding_idx].zero_()
