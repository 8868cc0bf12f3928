"""Mentions and tokens of a training corpus, to draw replacements for others from.

`MentionFinder` finds mentions in arrays of tags. `MentionPool` draws mentions by their label,
`TokenPool` draws tokens by their tag.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.features.arrays import Arrays, take_rows
from ner.features.ragged import Ragged, joined

# Arrays that depend on the neighbours of a token, so they are not replaced with the token but
# encoded again, see `DistinctWords.with_neighbours`.
OF_NEIGHBOURS = ("bigrams",)


class Mentions(NamedTuple):
    """Mentions in sentences, in their order (M each)."""

    starts: NDArray[np.int64]
    """The first token of each mention, among the tokens of all sentences."""
    lengths: NDArray[np.int64]
    """The number of its tokens."""
    labels: NDArray[np.int64]
    """The index of its label."""


class MentionFinder:
    """Finds the mentions that are certain in the gold tags of sentences.

    Args:
        tags: All tags, in the scheme BIO or BIOES.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        labels = sorted({tag[2:] for tag in tags if tag != "O"})
        self.begins = np.array([tag[0] in "BS" for tag in tags])
        self.continues = np.array([tag[0] in "IE" for tag in tags])
        self.ends = np.array([tag[0] in "ES" for tag in tags])
        # Axes: tag (C, 1), label (1, L).
        self.of_label = np.array([[tag[2:] == label for label in labels] for tag in tags])

    def __call__(self, sentences: Ragged) -> Mentions:
        """Find the mentions.

        Args:
            sentences: Sentences with `tags`: the gold tags (N), or the tags that each token may
                have (N C). Of the latter, a mention is certain if all its tokens and both its
                borders are.
        """
        tags = sentences.per_token["tags"]
        known = np.eye(len(self.begins), dtype=bool)[tags] if tags.ndim == 1 else tags
        allowed = possible(known)

        def certain(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return np.all(~allowed | chosen, axis=1)

        # The label of each token if all its tags have the same label, else -1.
        may_be = allowed @ self.of_label
        labels = np.where(
            certain(np.any(self.of_label, axis=1)) & (may_be.sum(1) == 1), may_be.argmax(1), -1
        )
        begins = certain(self.begins) & (labels >= 0)
        # Tags are legal, so a tag that continues a mention follows a token of that mention.
        borders = np.append(np.flatnonzero(~certain(self.continues) | (labels < 0)), len(tags))
        starts = np.flatnonzero(begins)
        stops = borders[np.searchsorted(borders, starts, side="right")]
        # The token after a mention must not continue it, unless that token begins a new sentence.
        may_continue = np.zeros((len(tags) + 1, self.of_label.shape[1]), dtype=bool)
        may_continue[:-1] = (allowed & self.continues) @ self.of_label
        may_continue[sentences.starts] = False
        sure = certain(self.ends)[stops - 1] | ~may_continue[stops, labels[starts]]
        starts, stops = starts[sure], stops[sure]
        return Mentions(starts, stops - starts, labels[starts])


def possible(tags: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each token may have each tag (N C): as it is, or by log weights of tags."""
    return tags if tags.dtype == np.bool_ else tags > -np.inf


class MentionPool:
    """The distinct mentions of a corpus by label.

    Mentions with the same label and the same words are one; the arrays are those of the first.

    Args:
        corpus: The training sentences, in blocks of any size.
        find: Finds the mentions in them.
    """

    def __init__(self, corpus: Iterable[Ragged], find: MentionFinder) -> None:
        self.find = find
        # The number of each mention among those of its label, by label and words.
        self.ranks: dict[tuple[int, bytes], int] = {}
        counts = [0] * find.of_label.shape[1]
        blocks: list[Ragged] = []
        labels: list[int] = []
        for sentences in corpus:
            found = find(sentences)
            new: list[int] = []
            for i, key in enumerate(_mention_keys(sentences, found)):
                if key not in self.ranks:
                    self.ranks[key] = counts[key[0]]
                    counts[key[0]] += 1
                    new.append(i)
            labels += found.labels[new].tolist()
            blocks.append(sentences.cut(found.starts[new], found.lengths[new]))
        # Sort the mentions by label, then by their ranks.
        order = np.argsort(np.array(labels, dtype=np.int64), kind="stable")
        self.mentions = joined(blocks).pick(order)
        self.counts = np.array(counts, dtype=np.int64)
        self.firsts = np.cumsum(self.counts) - self.counts

    def draw(self, sentences: Ragged, found: Mentions, random: np.random.Generator) -> Ragged:
        """Draw a different mention of the same label for each mention, all with equal probability.

        A mention that is the only one of its label is drawn for itself.

        Args:
            sentences: Sentences of the corpus.
            found: Mentions in them, which the pool has found as well.
            random: Source of random numbers.
        """
        keys = _mention_keys(sentences, found)
        ranks = np.array([self.ranks[key] for key in keys], dtype=np.int64)
        counts = self.counts[found.labels]
        drawn = (random.random(len(counts)) * (counts - 1)).astype(np.int64)
        drawn += (drawn >= ranks) & (counts > 1)
        return self.mentions.pick(self.firsts[found.labels] + drawn)


class TokenPool:
    """The distinct tokens of a corpus with their tags and input columns, and their frequencies.

    Tokens whose annotation is partial are grouped by the set of tags that they may have.

    Args:
        corpus: The training sentences with `tags`, in blocks of any size.
    """

    def __init__(self, corpus: Iterable[Ragged]) -> None:
        blocks: list[tuple[Arrays, NDArray[np.int64]]] = []
        for sentences in corpus:
            own = {n: v for n, v in sentences.per_token.items() if n not in OF_NEIGHBOURS}
            blocks.append(_distinct(own, np.ones(len(own["tokens"]), dtype=np.int64)))
        tokens, counts = _distinct(
            {name: np.concatenate([block[name] for block, _ in blocks]) for name in blocks[0][0]},
            np.concatenate([counts for _, counts in blocks]),
        )
        tags = _row_keys(tokens["tags"])
        self.kinds = {tag: kind for kind, tag in enumerate(dict.fromkeys(tags))}
        kinds = np.array([self.kinds[tag] for tag in tags], dtype=np.int64)
        order = np.argsort(kinds, kind="stable")
        own = {name: values for name, values in tokens.items() if name != "tags"}
        self.tokens = take_rows(own, order)
        # The number of tokens up to and including each distinct token, sorted by tag.
        self.sums = np.cumsum(counts[order])
        self.totals = np.bincount(kinds, counts).astype(np.int64)
        self.firsts = np.cumsum(self.totals) - self.totals

    def draw(self, tags: NDArray[Any], random: np.random.Generator) -> Mapping[str, NDArray[Any]]:
        """Draw a token for each tag, or set of tags, as often as the corpus has it.

        Args:
            tags: Tags (M), or the tags that each token may have (M C).
            random: Source of random numbers.

        Returns:
            The arrays of the tokens, without `tags`.
        """
        kinds = np.array([self.kinds[tag] for tag in _row_keys(tags)], dtype=np.int64)
        drawn = (random.random(len(kinds)) * self.totals[kinds]).astype(np.int64)
        rows = np.searchsorted(self.sums, self.firsts[kinds] + drawn, side="right")
        return take_rows(self.tokens, rows)


def _mention_keys(sentences: Ragged, found: Mentions) -> list[tuple[int, bytes]]:
    """Return the label and the words of each mention."""
    tokens = sentences.per_token["tokens"]
    triples: Any = zip(*(array.tolist() for array in found), strict=True)
    return [(label, tokens[start : start + length].tobytes()) for start, length, label in triples]


def _distinct(arrays: Arrays, counts: NDArray[np.int64]) -> tuple[Arrays, NDArray[np.int64]]:
    """Keep one of all rows that are equal in every array, with the sum of their counts."""
    ids = np.zeros(len(counts), dtype=np.int64)
    # Sorted, so that the result does not depend on the order of the arrays.
    for name in sorted(arrays):
        # Rows have the same number if they agree in the arrays so far and in this one.
        values = arrays[name]
        rows = values if values.ndim == 1 else _as_bytes(values)
        _, numbers = np.unique(rows, return_inverse=True)
        _, ids = np.unique(ids * (numbers.max(initial=0) + 1) + numbers, return_inverse=True)
    _, first = np.unique(ids, return_index=True)
    return take_rows(arrays, first), np.bincount(ids, counts).astype(np.int64)


def _row_keys(values: NDArray[Any]) -> list[bytes]:
    """Return the bytes of each row (N …)."""
    return _as_bytes(values).tolist()


def _as_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """View each row (N …) as one value, so that equal rows are equal values (N)."""
    rows = np.ascontiguousarray(values.reshape(len(values), math.prod(values.shape[1:])))
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
