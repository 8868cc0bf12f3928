"""The mentions of a corpus in arrays of tags: where they are, and which others have their label."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.features.ragged import Arrays, Ragged, joined


class Mentions(NamedTuple):
    """Mentions in runs of tokens, in order."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]


class MentionFinder:
    """Finds the mentions that are certain in the gold tags of sentences.

    Args:
        tags: All tags, of the schemes BIO or BIOES.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        labels = sorted({tag[2:] for tag in tags if tag != "O"})
        self.begins = np.array([tag[0] in "BS" for tag in tags])
        self.goes_on = np.array([tag[0] in "IE" for tag in tags])
        self.ends = np.array([tag[0] in "ES" for tag in tags])
        # Axes: tag (C, 1), label (1, L).
        self.of_label = np.array([[tag[2:] == label for label in labels] for tag in tags])

    def __call__(self, sentences: Ragged) -> Mentions:
        """Find them by `tags`: the gold ones (N), or those that each token may have (N C).

        Where tags are left open, a mention counts if all its tokens and both its borders are
        certain.
        """
        tags = sentences.per_token["tags"]
        allowed = np.eye(len(self.begins), dtype=bool)[tags] if tags.ndim == 1 else tags

        def certain(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return np.all(~allowed | chosen, axis=1)

        # Each token's labels (N, L), if all its tags have one and the same.
        may_be = allowed @ self.of_label
        labels = np.where(
            certain(np.any(self.of_label, axis=1)) & (may_be.sum(1) == 1), may_be.argmax(1), -1
        )
        begins = certain(self.begins) & (labels >= 0)
        # Tags are legal: what goes on does so with the token before, and begins no sentence.
        borders = np.append(np.flatnonzero(~certain(self.goes_on) | (labels < 0)), len(tags))
        starts = np.flatnonzero(begins)
        stops = borders[np.searchsorted(borders, starts, side="right")]
        # The token behind a mention must not go on with it, unless a new sentence begins there.
        may_go_on = np.zeros((len(tags) + 1, self.of_label.shape[1]), dtype=bool)
        may_go_on[:-1] = (allowed & self.goes_on) @ self.of_label
        may_go_on[sentences.starts] = False
        sure = certain(self.ends)[stops - 1] | ~may_go_on[stops, labels[starts]]
        starts, stops = starts[sure], stops[sure]
        return Mentions(starts, stops - starts, labels[starts])


class MentionPool:
    """The different mentions of a corpus by label, each once, as `Ragged` of tokens.

    Of mentions with the same words, what is known about the tokens of the first one is kept.

    Args:
        corpus: The training split, in parts of any size.
        find: Finds its mentions.
    """

    def __init__(self, corpus: Iterable[Ragged], find: MentionFinder) -> None:
        self.find = find
        # The number of each mention among those of its label, by label and words.
        self.ranks: dict[tuple[int, bytes], int] = {}
        counts = [0] * find.of_label.shape[1]
        parts: list[Ragged] = []
        labels: list[int] = []
        for sentences in corpus:
            found = find(sentences)
            new: list[int] = []
            for i, key in enumerate(keys(sentences, found)):
                if key not in self.ranks:
                    self.ranks[key] = counts[key[0]]
                    counts[key[0]] += 1
                    new.append(i)
            labels += found.labels[new].tolist()
            parts.append(sentences.cut(found.starts[new], found.lengths[new]))
        # Mentions by label, then in the order of the corpus: that of their ranks.
        order = np.argsort(np.array(labels, dtype=np.int64), kind="stable")
        self.mentions = joined(parts).pick(order)
        self.counts = np.array(counts, dtype=np.int64)
        self.firsts = np.cumsum(self.counts) - self.counts

    def others(self, sentences: Ragged, found: Mentions, random: np.random.Generator) -> Ragged:
        """Draw for each mention another of its label, all different ones with equal probability.

        The only mention of a label stays.
        """
        ranks = np.array([self.ranks[key] for key in keys(sentences, found)], dtype=np.int64)
        counts = self.counts[found.labels]
        drawn = (random.random(len(counts)) * (counts - 1)).astype(np.int64)
        drawn += (drawn >= ranks) & (counts > 1)
        return self.mentions.pick(self.firsts[found.labels] + drawn)


def keys(sentences: Ragged, found: Mentions) -> list[tuple[int, bytes]]:
    """Give the label and the words of each mention."""
    tokens = sentences.per_token["tokens"]
    triples: Any = zip(*(part.tolist() for part in found), strict=True)
    return [(label, tokens[start : start + length].tobytes()) for start, length, label in triples]


# Depends on neighbours, so it is not the token's own: see `DistinctWords.with_neighbours`.
NOT_OWN = ("bigrams",)


class TokenPool:
    """The different tokens of a corpus with their tags and input columns, and their frequencies.

    Tokens that may have several tags have those in common with others that may have the same.

    Args:
        corpus: The training split, in parts of any size, with `tags` among the arrays.
    """

    def __init__(self, corpus: Iterable[Ragged]) -> None:
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
