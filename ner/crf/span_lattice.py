"""Spans out of score arrays: those of the best paths, with the exact posterior of each.

The steps between tags are those of a tag scheme. Forbidden steps score -inf, so no emissions,
however large, can make a path take one. Axes: B sentences, T tokens of the longest, C tags.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ner.crf import forward_backward, kernel, paths
from ner.crf.lattice import Allowed, Lattice, check_finite, check_possible, restrict
from ner.data.schemes import Scheme, Span, legal_steps, span_tags, spans_from_tags
from ner.errors import DataError

# The spans of a path, and its probability or theirs.
DecodedSpans = tuple[tuple[Span, ...], tuple[float, ...]]


@dataclass(frozen=True)
class SpanLattice(Lattice):
    """A lattice whose tags mark spans.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores (C, C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
        tags: The tags, O among them.
        scheme: Says which steps are legal, BIO or BIOES; all others are set to -inf here.
    """

    scheme: Scheme
    _compiled: kernel.SpanDecoder = field(init=False, repr=False, compare=False)
    _relative_sums: forward_backward.RelativeSums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        names = ("start", "transitions", "end")
        for name, legal in zip(names, legal_steps(self.tags, self.scheme), strict=True):
            object.__setattr__(self, name, np.where(legal, getattr(self, name), -np.inf))
        goes_on = np.array([tag[0] in "IE" for tag in self.tags])
        inside = np.array([self._inside(tag) for tag in self.tags])
        decoder = kernel.SpanDecoder(self.edges, self.tags.index("O"), goes_on, inside)
        object.__setattr__(self, "_compiled", decoder)
        object.__setattr__(self, "_relative_sums", forward_backward.RelativeSums(self.edges))

    def _inside(self, tag: str) -> int:
        """Give the tag that continues a span at `tag`, or -1 if the scheme marks its end."""
        onward = "I" + tag[1:]
        return self.tags.index(onward) if self.scheme == "BIO" and onward in self.tags else -1

    def decode(
        self,
        emissions: NDArray[np.floating],
        lengths: NDArray[np.int64],
        allowed: Allowed | None = None,
    ) -> list[DecodedSpans]:
        """Find the spans of each sentence's best path, and the posterior probability of each.

        The probability of a labelled span is exact: the sum over all legal paths that contain
        just this span, over the sum of all legal paths.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Tokens of each sentence (B).
            allowed: What each token may be (B T C), see `allow`; all paths then means all that
                are allowed.
        """
        emissions = restrict(emissions, allowed)
        found = self._compiled(emissions, lengths)
        if found is None:
            best = self.viterbi(emissions, lengths)
            each = zip(best.tolist(), lengths, strict=True)
            spans = [self._spans(path[:length]) for path, length in each]
            if len(spans) > paths.FEW:
                scores = self.span_posteriors(emissions, lengths, spans)
            else:
                each = zip(emissions, best, spans, lengths.tolist(), strict=True)
                scores = [self._on_path(own[:n], path[:n], its) for own, path, its, n in each]
            return list(zip(spans, scores, strict=True))
        counts, rows, shares = found
        if min(counts, default=0) < 0:
            check_finite(emissions, lengths)
            check_possible(np.array(counts) >= 0)
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
        found = self.nbest_tags(emissions, lengths, k, allowed)
        return [[(self._spans(path), share) for path, share in some] for some in found]

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

    def _spans(self, path: Sequence[int]) -> tuple[Span, ...]:
        return tuple(spans_from_tags([self.tags[tag] for tag in path]))

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
            own = forward_backward.Sums(*(each[b] for each in sums))
            probabilities[row] = self._posteriors(emissions[b, : lengths[b]], own, spans[row])
        return probabilities

    def _on_path(
        self,
        emissions: forward_backward.Scores,
        path: forward_backward.Integers,
        spans: Sequence[Span],
    ) -> tuple[float, ...]:
        """Compute the posteriors of the spans of the best path of one sentence (T C)."""
        found = self._relative_sums(emissions, path) if spans else None
        if found is None:
            return self.span_posteriors(emissions[None], np.array([len(path)]), [spans])[0]
        return self._posteriors(*found, spans)

    def _posteriors(
        self, emissions: forward_backward.Scores, sums: forward_backward.Sums, spans: Sequence[Span]
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

    def _closing(
        self, emissions: forward_backward.Scores, betas: NDArray[np.float64], t: int, tag: int
    ) -> float:
        """Sum over the ends of a path that follow `tag` at `t` and do not go on with its span."""
        inside = self._inside(self.tags[tag])
        if inside < 0 or t + 1 == len(emissions):
            return betas[t, tag]
        after = self.transitions[tag] + emissions[t + 1] + betas[t + 1]
        after[inside] = -np.inf
        return float(np.logaddexp.reduce(after))
