"""The tokens of a corpus by tag, to be drawn as often as training has them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.features.runs import Arrays, Runs

# Depends on neighbours, so it is not the token's own: see `Lexicon.with_neighbours`.
NOT_OWN = ("bigrams",)


class TokenPool:
    """The different tokens of a corpus with their tags and input columns, and their frequencies.

    Tokens that may have several tags have those in common with others that may have the same.

    Args:
        corpus: The training split, in parts of any size, with `tags` among the arrays.
    """

    def __init__(self, corpus: Iterable[Runs]) -> None:
        parts: list[tuple[dict[str, NDArray[Any]], NDArray[np.int64]]] = []
        for sentences in corpus:
            own = {n: v for n, v in sentences.per_token.items() if n not in NOT_OWN}
            parts.append(_distinct(own, np.ones(len(own["tokens"]), dtype=np.int64)))
        tokens, counts = _distinct(
            {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]},
            np.concatenate([counts for _, counts in parts]),
        )
        tags = row_keys(tokens.pop("tags"))
        self.kinds = {tag: kind for kind, tag in enumerate(dict.fromkeys(tags))}
        kinds = np.array([self.kinds[tag] for tag in tags], dtype=np.int64)
        order = np.argsort(kinds, kind="stable")
        self.tokens: Arrays = {name: values[order] for name, values in tokens.items()}
        # Tokens up to and including each one, those of a tag side by side.
        self.sums = np.cumsum(counts[order])
        self.totals = np.bincount(kinds, counts).astype(np.int64)
        self.firsts = np.cumsum(self.totals) - self.totals

    def draw(self, tags: NDArray[Any], random: np.random.Generator) -> Mapping[str, NDArray[Any]]:
        """Draw a token for each tag, or set of tags (M …): its own arrays, without `tags`."""
        kinds = np.array([self.kinds[tag] for tag in row_keys(tags)], dtype=np.int64)
        drawn = (random.random(len(kinds)) * self.totals[kinds]).astype(np.int64)
        rows = np.searchsorted(self.sums, self.firsts[kinds] + drawn, side="right")
        return {name: values[rows] for name, values in self.tokens.items()}


def row_keys(values: NDArray[Any]) -> list[bytes]:
    """Give the bytes of each row (N …)."""
    return _as_bytes(values).tolist()


def _as_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """View each row (N …) as one value, so that equal rows are equal values (N)."""
    rows = np.ascontiguousarray(values.reshape(len(values), math.prod(values.shape[1:])))
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]


def _distinct(
    arrays: Arrays, counts: NDArray[np.int64]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Keep one of each kind of rows, with the sum of their counts."""
    ids = np.zeros(len(counts), dtype=np.int64)
    # By name, so that the numbers do not depend on the order of the arrays.
    for name in sorted(arrays):
        # Number the rows so far together with those of the next array.
        values = arrays[name]
        rows = values if values.ndim == 1 else _as_bytes(values)
        _, numbers = np.unique(rows, return_inverse=True)
        _, ids = np.unique(ids * (numbers.max(initial=0) + 1) + numbers, return_inverse=True)
    _, first = np.unique(ids, return_index=True)
    sums = np.bincount(ids, counts).astype(np.int64)
    return {name: values[first] for name, values in arrays.items()}, sums
