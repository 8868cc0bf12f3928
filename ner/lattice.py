"""Decoding of score arrays in numpy, whole batches at a time: best paths and exact posteriors.

A lattice is a linear chain whose steps between tags are those of a tag scheme. Forbidden steps
score -inf, so no emissions, however large, can make a path take one. The recursions are in
`ner.chain` and `ner.paths`. Axes: B sentences, T tokens of the longest, C tags.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ner import chain, kernel, paths
from ner.data.schemes import Scheme, Span, legal_steps, span_tags, spans_from_tags
from ner.errors import DataError

Floats = NDArray[np.float64]
Allowed = NDArray[np.bool_]
# The spans of a path, and its probability or theirs.
Decoded = tuple[tuple[Span, ...], tuple[float, ...]]


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
    _compiled: kernel.SpanDecoder = field(init=False, repr=False, compare=False)
    _relative_sums: chain.RelativeSums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = ("start", "transitions", "end")
        for name, legal in zip(names, legal_steps(self.tags, self.scheme), strict=True):
            scores = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, np.where(legal, scores, -np.inf))
        goes_on = np.array([tag[0] in "IE" for tag in self.tags])
        inside = np.array([self._inside(tag) for tag in self.tags])
        outside = self.tags.index("O")
        decoder = kernel.SpanDecoder(self.edges, outside, goes_on, inside)
        object.__setattr__(self, "_compiled", decoder)
        object.__setattr__(self, "_relative_sums", chain.RelativeSums(self.edges))

    def _inside(self, tag: str) -> int:
        """Give the tag that continues a span at `tag`, or -1 if the scheme marks its end."""
        onward = "I" + tag[1:]
        return self.tags.index(onward) if self.scheme == "BIO" and onward in self.tags else -1

    @property
    def edges(self) -> chain.Edges:
        """The scores, as `ner.chain` takes them."""
        return chain.Edges(self.start, self.transitions, self.end)

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
        _check_finite(emissions, lengths)
        best, possible = paths.viterbi(emissions, lengths, self.edges)
        _check_possible(possible)
        return best

    def sums(self, emissions: NDArray[np.floating], lengths: NDArray[np.int64]) -> chain.Sums:
        """Sum, in log space, over the beginnings, the ends, and all of the paths."""
        return chain.forward_backward(emissions, lengths, self.edges)

    def decode(
        self,
        emissions: NDArray[np.floating],
        lengths: NDArray[np.int64],
        allowed: Allowed | None = None,
    ) -> list[Decoded]:
        """Find the spans of each sentence's best path, and the posterior probability of each.

        The probability of a labelled span is exact: the sum over all legal paths that contain
        just this span, over the sum of all legal paths.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B).
            allowed: What each token may be (B T C), see `allow`; all paths then means all that
                are allowed.
        """
        emissions = _restrict(emissions, allowed)
        found = self._compiled(emissions, lengths)
        if found is None:
            best = self.viterbi(emissions, lengths)
            spans = [self._spans(path, length) for path, length in zip(best, lengths, strict=True)]
            if len(spans) > paths.FEW:
                scores = self.span_posteriors(emissions, lengths, spans)
            else:
                each = zip(emissions, best, spans, lengths.tolist(), strict=True)
                scores = [self._on_path(own[:n], path[:n], its) for own, path, its, n in each]
            return list(zip(spans, scores, strict=True))
        counts, rows, shares = found
        if min(counts, default=0) < 0:
            _check_finite(emissions, lengths)
            _check_possible(np.array(counts) >= 0)
        labels = [self.tags[tag][2:] for tag in rows[2::3]]
        flat = list(map(Span, rows[::3], rows[1::3], labels))
        decoded, last = [], 0
        for b, count in enumerate(counts):
            first, last = last, last + count
            own, scores = tuple(flat[first:last]), tuple(shares[first:last])
            if own and math.isnan(scores[0]):
                # Scores so far apart that compiled sums lose some: log space keeps them all.
                row = slice(b, b + 1)
                (scores,) = self.span_posteriors(emissions[row], lengths[row], [own])
            decoded.append((own, scores))
        return decoded

    def nbest(
        self,
        emissions: NDArray[np.floating],
        lengths: NDArray[np.int64],
        k: int,
        allowed: Allowed | None = None,
    ) -> list[list[tuple[tuple[Span, ...], float]]]:
        """Find the spans of the `k` best paths of each sentence, and each path's probability.

        In a scheme without choices (BIO, BIOES) different paths have different spans.

        Args:
            emissions: As for `decode`.
            lengths: As for `decode`.
            k: At least 1; there may be fewer paths.
            allowed: As for `decode`.
        """
        emissions = _restrict(emissions, allowed)
        _check_finite(emissions, lengths)
        best, scores = paths.k_best(emissions, lengths, self.edges, k)
        _check_possible(scores[:, 0] > -np.inf)
        log_z = self.sums(emissions, lengths).log_partition
        # Rounding may lift the score of a sure path above the sum.
        shares = np.minimum(np.exp(scores - log_z[:, None]), 1)
        return [
            [
                (self._spans(path, length), share)
                for path, share, score in zip(some, of_them.tolist(), their, strict=True)
                if score > -np.inf
            ]
            for some, of_them, their, length in zip(best, shares, scores, lengths, strict=True)
        ]

    def allow(
        self,
        lengths: NDArray[np.int64],
        required: Sequence[Sequence[Span]] | None = None,
        forbidden: Sequence[Sequence[Span]] | None = None,
    ) -> Allowed:
        """Say what each token may be (B T C) so that a path has some spans, and not others.

        Args:
            lengths: Tokens of each sentence (B).
            required: For each sentence, spans that any path contains, just as they are.
            forbidden: For each sentence, stretches no token of which belongs to a span of that
                label, whatever its borders.

        Raises:
            DataError: A span is empty, leaves its sentence, has an unknown label, or is required
                beside one that it overlaps.
        """
        allowed = np.ones((len(lengths), int(max(lengths, default=0)), len(self.tags)), np.bool_)
        labels = [tag[2:] for tag in self.tags]
        for b, spans in enumerate(forbidden or ()):
            for start, end, label in spans:
                self._check_span(b, Span(start, end, label), int(lengths[b]))
                allowed[b, start:end, [each == label for each in labels]] = False
        for b, spans in enumerate(required or ()):
            before = 0
            for span in sorted(spans):
                start, end, label = span
                self._check_span(b, span, int(lengths[b]))
                if start < before:
                    raise DataError(
                        f"sentence {b}: required spans must not overlap. Got {tuple(span)} "
                        f"after one that ends at {before}."
                    )
                before = end
                wanted = np.zeros((end - start, len(self.tags)), np.bool_)
                tags = [self.tags.index(tag) for tag in span_tags(label, end - start, self.scheme)]
                wanted[np.arange(end - start), tags] = True
                allowed[b, start:end] &= wanted
                if self.scheme == "BIO" and end < lengths[b]:
                    allowed[b, end, self.tags.index(f"I-{label}")] = False
        return allowed

    def _check_span(self, b: int, span: Span, length: int) -> None:
        known = any(tag[2:] == span.label for tag in self.tags if tag != "O")
        if not (0 <= span.start < span.end <= length and known):
            raise DataError(
                f"sentence {b}: a span must lie inside its {length} tokens and have a known label. "
                f"Got {tuple(span)}."
            )

    def _spans(self, path: NDArray[np.int64], length: int) -> tuple[Span, ...]:
        return tuple(spans_from_tags([self.tags[tag] for tag in path[:length].tolist()]))

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
        # Only sentences with a span need the sums over paths.
        rows = np.array([b for b, found in enumerate(spans) if found], dtype=np.int64)
        probabilities: list[tuple[float, ...]] = [()] * len(spans)
        emissions, lengths = emissions[rows], lengths[rows]
        sums = self.sums(emissions, lengths)
        for b, row in enumerate(rows.tolist()):
            own = chain.Sums(*(each[b] for each in sums))
            probabilities[row] = self._posteriors(emissions[b, : lengths[b]], own, spans[row])
        return probabilities

    def _on_path(
        self, emissions: chain.Scores, path: chain.Integers, spans: Sequence[Span]
    ) -> tuple[float, ...]:
        """Compute the posteriors of the spans of the best path of one sentence (T C)."""
        found = self._relative_sums(emissions, path) if spans else None
        if found is None:
            return self.span_posteriors(emissions[None], np.array([len(path)]), [spans])[0]
        return self._posteriors(*found, spans)

    def _posteriors(
        self, emissions: chain.Scores, sums: chain.Sums, spans: Sequence[Span]
    ) -> tuple[float, ...]:
        """Compute the posteriors of spans of one sentence (T C), given the sums over its paths."""
        scores: list[float] = []
        for start, end, label in spans:
            tags = [self.tags.index(tag) for tag in span_tags(label, end - start, self.scheme)]
            score = sums.alphas[start, tags[0]]
            for t in range(start + 1, end):
                step = self.transitions[tags[t - start - 1], tags[t - start]]
                score += step + emissions[t, tags[t - start]]
            score += self._closing(emissions, sums.betas, end - 1, tags[-1])
            scores.append(float(min(1.0, np.exp(score - sums.log_partition))))
        return tuple(scores)

    def _closing(self, emissions: chain.Scores, betas: Floats, t: int, tag: int) -> float:
        """Sum over the ends of a path that follow `tag` at `t` and do not go on with its span."""
        inside = self._inside(self.tags[tag])
        if inside < 0 or t + 1 == len(emissions):
            return betas[t, tag]
        after = self.transitions[tag] + emissions[t + 1] + betas[t + 1]
        after[inside] = -np.inf
        return float(np.logaddexp.reduce(after))


def _restrict(emissions: NDArray[np.floating], allowed: Allowed | None) -> NDArray[np.floating]:
    return emissions if allowed is None else np.where(allowed, emissions, -np.inf)


def _check_finite(emissions: NDArray[np.floating], lengths: NDArray[np.int64]) -> None:
    """Refuse NaN and infinity, which weights that trained too fast give; -inf forbids a tag."""
    if (emissions < np.inf).all():
        return
    strange = ~(emissions < np.inf).all(axis=2) & (np.arange(emissions.shape[1]) < lengths[:, None])
    if strange.any():
        b, t = np.argwhere(strange)[0].tolist()
        raise DataError(f"sentence {b}, token {t}: scores must be finite. Got {emissions[b, t]}.")


def _check_possible(possible: Allowed) -> None:
    if not possible.all():
        b = int(possible.argmin())
        raise DataError(f"sentence {b}: at least one legal path must be allowed. Got none.")
