"""Decoding of score arrays in numpy, whole batches at a time: best paths and exact posteriors.

A lattice is a linear chain of tags. The recursions are in `ner.crf.forward_backward` and
`ner.crf.paths`. Axes: B sentences, T tokens of the longest, C tags.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ner.crf import forward_backward, kernel, paths
from ner.errors import DataError

Floats = NDArray[np.floating]

Allowed = NDArray[np.bool_]

# One tag a token, and the probability of each.
DecodedTags = tuple[tuple[int, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Lattice:
    """The part of the scores that is the same for every sentence.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores (C, C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
        tags: The tags.
    """

    start: Floats
    transitions: Floats
    end: Floats
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("start", "transitions", "end"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))

    @property
    def edges(self) -> forward_backward.Edges:
        """The scores, as `ner.crf.forward_backward` takes them."""
        return forward_backward.Edges(self.start, self.transitions, self.end)

    def viterbi(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Find the best path of each sentence: tags (B T), 0 behind the end of a sentence.

        Of equal paths the one with the lower tag at the last difference wins.

        Args:
            emissions: Scores (B T C) within each length; -inf forbids a tag.
            lengths: Tokens of each sentence (B).

        Raises:
            DataError: What is allowed leaves a sentence no path, or a score is not a number.
        """
        check_finite(emissions, lengths)
        best, possible = paths.viterbi(emissions, lengths, self.edges)
        check_possible(possible)
        return best

    def sums(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> forward_backward.Sums:
        """Sum, in log space, over the beginnings, the ends, and all of the paths."""
        return forward_backward.sum_paths(emissions, lengths, self.edges)

    def nbest_tags(
        self,
        emissions: NDArray[np.floating],
        lengths: NDArray[np.int64],
        k: int,
        allowed: Allowed | None = None,
    ) -> list[list[tuple[list[int], float]]]:
        """Find the `k` best paths of each sentence, best first, and the probability of each.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B).
            k: At least 1; there may be fewer paths.
            allowed: What each token may be (B T C); all paths then means all that are allowed.
        """
        emissions = restrict(emissions, allowed)
        check_finite(emissions, lengths)
        best, scores = paths.k_best(emissions, lengths, self.edges, k)
        check_possible(scores[:, 0] > -np.inf)
        log_z = self.sums(emissions, lengths).log_partition
        # Rounding may lift the score of a sure path above the sum.
        shares = np.minimum(np.exp(scores - log_z[:, None]), 1)
        return [
            [
                (path[:length], share)
                for path, share, score in zip(
                    some.tolist(), of_them.tolist(), their.tolist(), strict=True
                )
                if score > -np.inf
            ]
            for some, of_them, their, length in zip(best, shares, scores, lengths, strict=True)
        ]


@dataclass(frozen=True)
class TagLattice(Lattice):
    """A lattice whose tags mean something one by one, such as parts of speech."""

    _compiled: kernel.SpanDecoder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        # No tag is outside, and none goes on: to the decoder every token is a span by itself.
        count = len(self.tags)
        alone = np.zeros(count, dtype=np.bool_)
        decoder = kernel.SpanDecoder(self.edges, -1, alone, np.full(count, -1))
        object.__setattr__(self, "_compiled", decoder)

    def decode(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> list[DecodedTags]:
        """Find each sentence's best path, and the posterior probability of each of its tags.

        The probability of a tag is exact: the sum over all paths that have it at this token, over
        the sum of all paths.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B).
        """
        found = self._compiled(emissions, lengths)
        if found is None:
            return self._decode(emissions, lengths)
        counts, rows, shares = found
        if min(counts, default=0) < 0:
            check_finite(emissions, lengths)
        decoded, last = [], 0
        for b, count in enumerate(counts):
            first, last = last, last + count
            scores = tuple(shares[first:last])
            if math.isnan(sum(scores)):
                # Scores so far apart that compiled sums lose some: log space keeps them all.
                decoded += self._decode(emissions[b : b + 1], lengths[b : b + 1])
            else:
                decoded.append((tuple(rows[3 * first + 2 : 3 * last : 3]), scores))
        return decoded

    def _decode(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> list[DecodedTags]:
        best = self.viterbi(emissions, lengths)
        alphas, betas, log_z = self.sums(emissions, lengths)
        # Axes: sentence (B) x position (T) x the tag of the path (1).
        at = best[:, :, None]
        logs = np.take_along_axis(alphas, at, 2) + np.take_along_axis(betas, at, 2)
        scores = np.minimum(np.exp(logs[:, :, 0] - log_z[:, None]), 1)
        each = zip(best.tolist(), scores.tolist(), lengths.tolist(), strict=True)
        return [(tuple(path[:n]), tuple(shares[:n])) for path, shares, n in each]


def restrict(emissions: NDArray[np.floating], allowed: Allowed | None) -> NDArray[np.floating]:
    """Give -inf to what is not allowed."""
    return emissions if allowed is None else np.where(allowed, emissions, -np.inf)


def check_finite(emissions: NDArray[np.floating], lengths: NDArray[np.int64]) -> None:
    """Refuse NaN and infinity, which weights that trained too fast give; -inf forbids a tag."""
    if (emissions < np.inf).all():
        return
    strange = ~(emissions < np.inf).all(axis=2) & (np.arange(emissions.shape[1]) < lengths[:, None])
    if strange.any():
        b, t = np.argwhere(strange)[0].tolist()
        raise DataError(f"sentence {b}, token {t}: scores must be finite. Got {emissions[b, t]}.")


def check_possible(possible: Allowed) -> None:
    """Refuse to go on where a sentence has no path."""
    if not possible.all():
        b = int(possible.argmin())
        raise DataError(f"sentence {b}: at least one legal path must be allowed. Got none.")
