"""Decoding of score arrays in numpy, whole batches at a time: best path, partition, posteriors.

A lattice is a linear chain: `start[tag] + emissions[0, tag]`, then `transitions[tag, next]` and the
next emission, and `end[tag]` after the last. Forbidden steps score -inf, so no emissions, however
large, can make a path take one. Axes: B sentences, T tokens of the longest, C tags.

Source: Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 77(2), 1989, sections III.A-B;
Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.data.schemes import Scheme, Span, is_legal, legal_transitions, spans_from_tags

Floats = NDArray[np.float64]
# exp() of anything lower is lost in double precision beside 1; sums that small are taken anew in
# log space. (The smallest normal double is 2.2e-308.)
TINY = 1e-290


@dataclass(frozen=True)
class Lattice:
    """The part of the scores that is the same for every sentence, and what its tags mean.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores (C, C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
        tags: The tags, O among them.
        scheme: Says which steps are legal, BIO or BIOES; all others are set to -inf here.
    """

    start: Floats
    transitions: Floats
    end: Floats
    tags: tuple[str, ...]
    scheme: Scheme

    def __post_init__(self) -> None:
        names = ("start", "transitions", "end")
        for name, legal in zip(names, legal_steps(self.tags, self.scheme), strict=True):
            scores = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, np.where(legal, scores, -np.inf))

    def viterbi(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Find the best path of each sentence: tags (B T), 0 behind the end of a sentence.

        Of equal paths the one with the lower tag at the last difference wins.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B), at least 1.
        """
        B, T, C = emissions.shape
        score = self.start + emissions[:, 0].astype(np.float64)
        # Where each tag's best path came from (T B C); behind the end every tag came from itself.
        came_from = np.empty((T, B, C), dtype=np.int16 if C < 2**15 else np.int64)
        for t in range(1, T):
            # Axes: sentence (B) x tag before (C, 1) x tag after (C).
            steps = score[:, :, None] + self.transitions
            best = steps.argmax(axis=1)
            inside = (lengths > t)[:, None]
            came_from[t] = np.where(inside, best, np.arange(C))
            reached = np.take_along_axis(steps, best[:, None, :], axis=1)[:, 0]
            score = np.where(inside, reached + emissions[:, t], score)
        path = np.empty((B, T), dtype=np.int64)
        path[:, -1] = (score + self.end).argmax(axis=1)
        for t in range(T - 1, 0, -1):
            path[:, t - 1] = came_from[t, np.arange(B), path[:, t]]
        return np.where(np.arange(T) < lengths[:, None], path, 0)

    def forward(self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]) -> Floats:
        """Sum, in log space, over all beginnings of a path that end in a tag: alphas (B T C).

        Behind the end of a sentence the last alpha is repeated.
        """
        alphas = np.empty(emissions.shape, dtype=np.float64)
        alphas[:, 0] = self.start + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            inside = (lengths > t)[:, None]
            summed = _log_matmul(alphas[:, t - 1], self.transitions) + emissions[:, t]
            alphas[:, t] = np.where(inside, summed, alphas[:, t - 1])
        return alphas

    def backward(self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]) -> Floats:
        """Sum, in log space, over all ends of a path that follow a tag: betas (B T C).

        The emission of the tag itself is not part of its beta. Behind the end stands `end`.
        """
        betas = np.empty(emissions.shape, dtype=np.float64)
        betas[:, -1] = self.end
        for t in range(emissions.shape[1] - 1, 0, -1):
            inside = (lengths > t)[:, None]
            summed = _log_matmul(betas[:, t] + emissions[:, t], self.transitions.T)
            betas[:, t - 1] = np.where(inside, summed, self.end)
        return betas

    def log_partition(self, alphas: Floats) -> Floats:
        """Sum, in log space, over all paths of each sentence (B), from the alphas of `forward`."""
        return np.logaddexp.reduce(alphas[:, -1] + self.end, axis=1)

    def decode(
        self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]
    ) -> list[tuple[tuple[Span, ...], tuple[float, ...]]]:
        """Find the spans of each sentence's best path, and the posterior probability of each.

        The probability of a labelled span is exact: the sum over all legal paths that contain
        just this span, over the sum of all legal paths.
        """
        paths = self.viterbi(emissions, lengths)
        spans = [
            tuple(spans_from_tags([self.tags[tag] for tag in path[:length]]))
            for path, length in zip(paths.tolist(), lengths.tolist(), strict=True)
        ]
        # Only sentences with a span need the sums over paths.
        rows = np.array([i for i, found in enumerate(spans) if found], dtype=np.int64)
        scores: list[tuple[float, ...]] = [()] * len(spans)
        if len(rows):
            chosen = [spans[i] for i in rows]
            found = self.span_posteriors(emissions[rows], lengths[rows], chosen)
            for i, probabilities in zip(rows.tolist(), found, strict=True):
                scores[i] = probabilities
        return list(zip(spans, scores, strict=True))

    def span_posteriors(
        self,
        emissions: NDArray[np.floating],
        lengths: NDArray[np.int64],
        spans: Sequence[Sequence[Span]],
    ) -> list[tuple[float, ...]]:
        """Compute the exact posterior probability of labelled spans, in [0, 1].

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B).
            spans: For each sentence any spans, overlapping or not, whose label the tags know.
        """
        alphas = self.forward(emissions, lengths)
        betas = self.backward(emissions, lengths)
        log_z = self.log_partition(alphas)
        index = {tag: i for i, tag in enumerate(self.tags)}
        probabilities: list[tuple[float, ...]] = []
        for b, found in enumerate(spans):
            scores: list[float] = []
            for start, end, label in found:
                tags = [index[tag] for tag in span_tags(label, end - start, self.scheme)]
                score = alphas[b, start, tags[0]]
                for t in range(start + 1, end):
                    step = self.transitions[tags[t - start - 1], tags[t - start]]
                    score += step + emissions[b, t, tags[t - start]]
                score += self._closing(emissions, betas, lengths, b, end - 1, tags[-1])
                scores.append(float(min(1.0, np.exp(score - log_z[b]))))
            probabilities.append(tuple(scores))
        return probabilities

    def _closing(
        self,
        emissions: NDArray[np.floating],
        betas: Floats,
        lengths: NDArray[np.int64],
        b: int,
        t: int,
        tag: int,
    ) -> float:
        """Sum over the ends of a path that follow `tag` at `t` and do not go on with its span."""
        inside = self.tags.index("I-" + self.tags[tag][2:])
        if self.scheme == "BIOES" or t + 1 == lengths[b]:
            return betas[b, t, tag]
        after = self.transitions[tag] + emissions[b, t + 1] + betas[b, t + 1]
        after[inside] = -np.inf
        return float(np.logaddexp.reduce(after))


def legal_steps(
    tags: Sequence[str], scheme: Scheme
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which tags may begin a sentence (C), follow each other (C, C), and end it (C).

    Raises:
        ValueError: The scheme is IOB1, in which the tags of a span depend on the span before it.
    """
    if scheme not in ("BIO", "BIOES"):
        raise ValueError(f"scheme: BIO or BIOES. Got {scheme!r}.")
    first = np.array([is_legal("O", tag, scheme) for tag in tags])
    last = np.array([is_legal(tag, "O", scheme) for tag in tags])
    return first, legal_transitions(tags, scheme), last


def span_tags(label: str, length: int, scheme: Scheme) -> list[str]:
    """Write the tags of one span of `length` tokens; in BIO and BIOES there is just one way."""
    if scheme == "BIOES" and length == 1:
        return [f"S-{label}"]
    last = f"E-{label}" if scheme == "BIOES" else f"I-{label}"
    return [f"B-{label}", *[f"I-{label}"] * (length - 2), *[last] * (length > 1)]


def _log_matmul(scores: Floats, steps: Floats) -> Floats:
    """Log of `exp(scores) @ exp(steps)`: (B C), (C D) -> (B D), safe at any size of scores."""
    highest = scores.max(axis=1, keepdims=True)
    top = steps.max()
    sums = np.exp(scores - highest) @ np.exp(steps - top)
    if sums.min() > TINY:
        return np.log(sums) + highest + top
    # Axes: sentence (B) x from (C, 1) x to (D).
    return np.logaddexp.reduce(scores[:, :, None] + steps, axis=1)
