"""Runs of tokens end to end, such as the sentences of a corpus, and how to pick some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Ragged:
    """Runs of tokens, such as sentences, and what is known about tokens and runs.

    Args:
        lengths: Tokens of each run (B), at least 1.
        per_token: Arrays with a row for each token, all runs end to end (N …).
        per_run: Arrays with a row for each run (B …).
    """

    lengths: NDArray[np.int64]
    per_token: Arrays
    per_run: Arrays = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each run starts (B)."""
        return np.cumsum(self.lengths) - self.lengths

    def cut(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> "Ragged":
        """Copy stretches of tokens as runs of their own; nothing is known about these runs."""
        places = consecutive(starts, lengths)
        return Ragged(lengths, {name: values[places] for name, values in self.per_token.items()})

    def pick(self, indices: NDArray[np.int64]) -> "Ragged":
        """Copy some runs, in the order of their indices."""
        cut = self.cut(self.starts[indices], self.lengths[indices])
        per_run = {name: values[indices] for name, values in self.per_run.items()}
        return Ragged(cut.lengths, cut.per_token, per_run)

    def keep(self, kept: NDArray[np.bool_]) -> "Ragged":
        """Copy the runs with some of their tokens (N), at least one of each."""
        lengths = np.add.reduceat(kept, self.starts, dtype=np.int64)
        per_token = {name: values[kept] for name, values in self.per_token.items()}
        return Ragged(lengths, per_token, self.per_run)

    def replace(self, **per_token: NDArray[Any]) -> "Ragged":
        """Copy the runs with other values of their tokens."""
        return Ragged(self.lengths, {**self.per_token, **per_token}, self.per_run)

    def spliced(
        self, starts: NDArray[np.int64], lengths: NDArray[np.int64], others: "Ragged"
    ) -> "Ragged":
        """Copy the runs with other runs in place of stretches of tokens.

        Args:
            starts: Where the stretches start, ascending.
            lengths: Of the stretches, each inside one run.
            others: As many runs, of which the same is known.
        """
        kept = np.ones(len(self.run_of_token), dtype=bool)
        kept[consecutive(starts, lengths)] = False
        # Tokens are put in the order of the places that they have or take over.
        places = np.flatnonzero(kept)
        order = np.argsort(
            np.concatenate([places, np.repeat(starts, others.lengths)]), kind="stable"
        )
        grown = np.zeros_like(self.lengths)
        np.add.at(grown, self.run_of_token[starts], others.lengths - lengths)
        per_token = {
            name: np.concatenate([values[places], others.per_token[name]])[order]
            for name, values in self.per_token.items()
        }
        return Ragged(self.lengths + grown, per_token, self.per_run)

    @cached_property
    def run_of_token(self) -> NDArray[np.int64]:
        """Say of each token in which run it is (N)."""
        return np.repeat(np.arange(len(self)), self.lengths)


def consecutive(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """List `lengths` numbers from each start on, end to end.

    >>> consecutive(np.array([7, 2]), np.array([3, 2])).tolist()
    [7, 8, 9, 2, 3]
    """
    firsts = np.cumsum(lengths) - lengths
    return np.repeat(starts - firsts, lengths) + np.arange(lengths.sum())


def joined(parts: Sequence[Ragged]) -> Ragged:
    """Put runs end to end that know the same about their tokens; what runs know is left out."""
    lengths = np.concatenate([part.lengths for part in parts])
    names = parts[0].per_token
    return Ragged(lengths, {n: np.concatenate([p.per_token[n] for p in parts]) for n in names})
