"""Decoding of score arrays, by whole batches: best paths and exact posteriors of their tags.

A lattice is a linear chain of tags together with the learnt scores of its steps. The recursions are
in `ner.crf.forward_backward` and `ner.crf.paths`.

Axes: B sentences, T tokens of the longest, C tags.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ner.crf import kernel, paths
from ner.crf.forward_backward import (
    Edges,
    Floats,
    Integers,
    Scores,
    Sums,
    path_scores,
    sum_paths,
)
from ner.errors import DataError

Allowed = NDArray[np.bool_]
# One tag for each token, and the probability of each tag.
DecodedTags = tuple[tuple[int, ...], tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The scores that are the same for every sentence.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores of steps (C C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
        tags: The tags (C).
    """

    start: Scores
    transitions: Scores
    end: Scores
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("start", "transitions", "end"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))

    @property
    def edges(self) -> Edges:
        """The scores as one tuple."""
        return Edges(self.start, self.transitions, self.end)

    def viterbi(self, emissions: Scores, lengths: Integers) -> Integers:
        """Find the best path of each sentence: tags (B T), 0 past the end of a sentence.

        Of paths with equal scores, the path with the lower tag at their last difference wins.

        Args:
            emissions: Scores (B T C); -inf forbids a tag.
            lengths: Number of tokens of each sentence (B).

        Raises:
            DataError: A sentence has no allowed path, or a score is NaN or infinite.
        """
        check_finite(emissions, lengths)
        best, possible = paths.viterbi(emissions, lengths, self.edges)
        check_possible(possible)
        return best

    def sums(self, emissions: Scores, lengths: Integers) -> Sums:
        """Sum, in log space, over the beginnings, over the ends and over all paths."""
        return sum_paths(emissions, lengths, self.edges)

    def log_likelihood(self, emissions: Scores, lengths: Integers, tags: Integers) -> Floats:
        """Compute the log-probability of one path of each sentence (B); -inf for a forbidden path.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Number of tokens of each sentence (B).
            tags: The paths (B T); padding may hold any tag.
        """
        found = kernel.log_likelihood(emissions, lengths, self.edges, tags)
        if found is not None:
            return found[0]
        own = path_scores(tags, emissions, lengths, self.edges)
        return own - self.sums(emissions, lengths).log_partition

    def nbest_tags(
        self, emissions: Scores, lengths: Integers, k: int, allowed: Allowed | None = None
    ) -> list[list[paths.Path]]:
        """Find the `k` best paths of each sentence, best first, and the probability of each path.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Number of tokens of each sentence (B).
            k: Number of paths, at least 1. A sentence may have fewer.
            allowed: Whether each token may have each tag (B T C). Probabilities are then those
                among the allowed paths.

        Raises:
            DataError: A sentence has no allowed path, or a score is NaN or infinite.
        """
        emissions = restrict(emissions, allowed)
        check_finite(emissions, lengths)
        found = paths.nbest(emissions, lengths, self.edges, k)
        check_possible(np.array([len(best) > 0 for best in found], np.bool_))
        return found


@dataclass(frozen=True, eq=False)
class TagLattice(Lattice):
    """A lattice in which each token has a label of its own, such as its part of speech."""

    _compiled: kernel.SpanDecoder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        # No tag is outside and none continues a span, so to the decoder each token is a span.
        count = len(self.tags)
        alone = np.zeros(count, dtype=np.bool_)
        decoder = kernel.SpanDecoder(self.edges, -1, alone, np.full(count, -1))
        object.__setattr__(self, "_compiled", decoder)

    def decode(self, emissions: Scores, lengths: Integers) -> list[DecodedTags]:
        """Find the best path of each sentence, and the posterior probability of each of its tags.

        The probability of a tag is exact: the sum over all paths that have this tag at this token,
        divided by the sum over all paths.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Number of tokens of each sentence (B).

        Raises:
            DataError: A score is NaN or infinite.
        """
        found = self._compiled(emissions, lengths)
        if found is None:
            return self._decode(emissions, lengths)
        counts, rows, probabilities = found
        tags, probabilities = rows[2::3].tolist(), probabilities.tolist()
        if min(counts, default=0) < 0:
            check_finite(emissions, lengths)
        decoded, last = [], 0
        for b, count in enumerate(counts):
            first, last = last, last + count
            scores = tuple(probabilities[first:last])
            if math.isnan(sum(scores)):
                # Scores are too far apart for the compiled sums; those in log space are exact.
                decoded += self._decode(emissions[b : b + 1], lengths[b : b + 1])
            else:
                decoded.append((tuple(tags[first:last]), scores))
        return decoded

    # Positions past the end of a sentence hold anything.
    @np.errstate(over="ignore", invalid="ignore")
    def _decode(self, emissions: Scores, lengths: Integers) -> list[DecodedTags]:
        best = self.viterbi(emissions, lengths)
        alphas, betas, log_z = self.sums(emissions, lengths)
        # Axes: sentence (B) x token (T) x the tag of the path (1).
        at = best[:, :, None]
        logs = np.take_along_axis(alphas, at, 2) + np.take_along_axis(betas, at, 2)
        scores = np.minimum(np.exp(logs[:, :, 0] - log_z[:, None]), 1)
        rows = zip(best.tolist(), scores.tolist(), lengths.tolist(), strict=True)
        return [(tuple(path[:n]), tuple(shares[:n])) for path, shares, n in rows]


def restrict(emissions: Scores, allowed: Allowed | None) -> Scores:
    """Set the scores of tags that are not allowed to -inf."""
    return emissions if allowed is None else np.where(allowed, emissions, -np.inf)


def check_finite(emissions: Scores, lengths: Integers) -> None:
    """Refuse NaN and infinity, which come from weights that diverged; -inf forbids a tag.

    Raises:
        DataError: A score within the length of a sentence is NaN or infinite.
    """
    if (emissions < np.inf).all():
        return
    strange = ~(emissions < np.inf).all(axis=2) & (np.arange(emissions.shape[1]) < lengths[:, None])
    if strange.any():
        b, t = np.argwhere(strange)[0].tolist()
        scores = emissions[b, t]
        worst = scores[~(scores < np.inf)][0]
        raise DataError(f"sentence {b}, token {t}: scores must be finite. Got {worst}.")


def check_possible(possible: Allowed) -> None:
    """Refuse a batch in which a sentence has no path.

    Raises:
        DataError: An entry (B) is False.
    """
    if not possible.all():
        b = int(possible.argmin())
        raise DataError(f"sentence {b}: at least one legal path must be allowed. Got none.")
