"""Sequences of tokens of different lengths end to end, such as the sentences of a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.features.arrays import Arrays, take_rows


@dataclass(frozen=True, eq=False)
class Ragged:
    """Sequences of tokens, such as sentences or mentions, as arrays.

    Args:
        lengths: Tokens of each sequence (B), at least 1.
        per_token: Arrays with a row for each token, all sequences end to end (N …).
        per_sequence: Arrays with a row for each sequence (B …).
    """

    lengths: NDArray[np.int64]
    per_token: Arrays
    per_sequence: Arrays = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The index of the first token of each sequence (B)."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def sequence_of_token(self) -> NDArray[np.int64]:
        """The index of the sequence that each token belongs to (N)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def cut(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> "Ragged":
        """Copy spans of tokens as sequences of their own, without arrays per sequence."""
        return Ragged(lengths, take_rows(self.per_token, consecutive(starts, lengths)))

    def pick(self, indices: NDArray[np.int64]) -> "Ragged":
        """Copy the sequences at `indices`, in that order."""
        cut = self.cut(self.starts[indices], self.lengths[indices])
        return Ragged(cut.lengths, cut.per_token, take_rows(self.per_sequence, indices))

    def keep(self, kept: NDArray[np.bool_]) -> "Ragged":
        """Copy the sequences with only some tokens, at least one of each.

        Args:
            kept: True for each token that is kept (N).
        """
        lengths = np.add.reduceat(kept, self.starts, dtype=np.int64)
        return Ragged(lengths, take_rows(self.per_token, kept), self.per_sequence)

    def replace(self, **per_token: NDArray[Any]) -> "Ragged":
        """Return the sequences with other arrays per token."""
        return Ragged(self.lengths, {**self.per_token, **per_token}, self.per_sequence)

    def spliced(
        self, starts: NDArray[np.int64], lengths: NDArray[np.int64], new: "Ragged"
    ) -> "Ragged":
        """Copy the sequences with other tokens in place of some spans.

        Args:
            starts: Where the spans start, ascending.
            lengths: Tokens of each span, which lies inside one sequence.
            new: A sequence for each span, with the same arrays per token.
        """
        kept = np.ones(len(self.sequence_of_token), dtype=bool)
        kept[consecutive(starts, lengths)] = False
        # Sort the tokens by their places; a new token has the place where its span started.
        places = np.flatnonzero(kept)
        order = np.argsort(np.concatenate([places, np.repeat(starts, new.lengths)]), kind="stable")
        grown = np.zeros_like(self.lengths)
        np.add.at(grown, self.sequence_of_token[starts], new.lengths - lengths)
        per_token = {
            name: np.concatenate([values[places], new.per_token[name]])[order]
            for name, values in self.per_token.items()
        }
        return Ragged(self.lengths + grown, per_token, self.per_sequence)


def joined(blocks: Sequence[Ragged]) -> Ragged:
    """Put blocks of sequences end to end, without arrays per sequence.

    Args:
        blocks: At least one, all with the same arrays per token.
    """
    lengths = np.concatenate([block.lengths for block in blocks])
    names = blocks[0].per_token
    return Ragged(lengths, {n: np.concatenate([b.per_token[n] for b in blocks]) for n in names})


def consecutive(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """List `lengths` numbers from each start on, end to end.

    >>> consecutive(np.array([7, 2]), np.array([3, 2])).tolist()
    [7, 8, 9, 2, 3]
    """
    firsts = np.cumsum(lengths) - lengths
    return np.repeat(starts - firsts, lengths) + np.arange(lengths.sum())
