"""Spans out of score arrays: the spans of best paths, with the exact posterior of each span.

The steps between tags are those of a tag scheme. Forbidden steps score -inf, so no emissions,
however large, make a path take one.

Axes: B sentences, T tokens of the longest, C tags, N spans.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ner.crf import kernel, paths
from ner.crf.forward_backward import Floats, Integers, RelativeSums, Scores, Sums
from ner.crf.lattice import Allowed, Lattice, check_finite, check_possible, restrict
from ner.data.schemes import Scheme, Span, legal_steps, span_tags, spans_from_tags
from ner.errors import DataError

# The spans of a path, and the probability of the path or of each span.
DecodedSpans = tuple[tuple[Span, ...], tuple[float, ...]]
# A labelled span, or tokens that are in no span if the label is None.
Range = tuple[int, int, str | None]

# Without a compiled kernel, so few sentences are summed one by one with `RelativeSums`: their time
# is the number of array operations. Measured with 11 tokens and 17 tags.
FEW = 3


class SpanTags:
    """How the tags of a scheme write spans, and where a span ends.

    Args:
        tags: The tags (C).
        scheme: The scheme of the tags, BIO or BIOES.

    >>> spans = SpanTags(["O", "B-X", "I-X"], "BIO")
    >>> spans.write("X", 3), spans.continuing.tolist()
    ([1, 2, 2], [-1, 2, 2])
    """

    continuing: Integers
    """The tag that would continue a span after each tag (C); -1 for O, and in BIOES, where the last
    tag of a span says that it ends."""
    goes_on: NDArray[np.bool_]
    """Whether each tag belongs to the span before it (C)."""
    labels: NDArray[np.str_]
    """The label of each tag (C); "" for O."""

    def __init__(self, tags: Sequence[str], scheme: Scheme) -> None:
        self._scheme: Scheme = scheme
        self._ids = {tag: i for i, tag in enumerate(tags)}
        onward = [self._ids.get("I" + tag[1:], -1) if scheme == "BIO" else -1 for tag in tags]
        self.continuing = np.array(onward, dtype=np.int64)
        self.goes_on = np.array([tag[0] in "IE" for tag in tags])
        self.labels = np.array([tag[2:] for tag in tags])

    def write(self, label: str | None, length: int) -> list[int]:
        """Look up the tags of a span of `length` tokens, or of tokens in no span for None.

        Raises:
            KeyError: The tags cannot write such a span.
        """
        if label is None:
            return [self._ids["O"]] * length
        return [self._ids[tag] for tag in _written(label, length, self._scheme)]

    def fits(self, span: Range, length: int) -> bool:
        """Tell whether the tags can write a span in a sentence of `length` tokens."""
        start, end, label = span
        if not 0 <= start < end <= length:
            return False
        if label is None:
            return "O" in self._ids
        return all(tag in self._ids for tag in _written(label, end - start, self._scheme))

    def require(self, allowed: Allowed, span: Span) -> None:
        """Keep only the paths that contain a span, with just this label and these borders.

        Args:
            allowed: Whether each token of a sentence may have each tag (T C), changed in place.
            span: A span that `fits`.
        """
        start, end, label = span
        tags = self.write(label, end - start)
        for row, tag in zip(allowed[start:end], tags, strict=True):
            # For the few tokens of a span, this is faster than any operation on arrays.
            was_allowed = row[tag]
            row[:] = False
            row[tag] = was_allowed
        continuing = self.continuing[tags[-1]]
        if continuing >= 0 and end < len(allowed):
            allowed[end, continuing] = False


@lru_cache(maxsize=1024)
def _written(label: str, length: int, scheme: Scheme) -> tuple[str, ...]:
    """Return the tags of a span; they are kept, because the same few come again and again."""
    return tuple(span_tags(label, length, scheme))


@dataclass(frozen=True, eq=False)
class SpanLattice(Lattice):
    """A lattice whose tags mark spans.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores of steps (C C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
        tags: The tags (C), O among them.
        scheme: BIO or BIOES. The scores of steps that it does not allow are set to -inf.
    """

    scheme: Scheme
    span_tags: SpanTags = field(init=False, repr=False, compare=False)
    _compiled: kernel.SpanDecoder = field(init=False, repr=False, compare=False)
    _relative_sums: RelativeSums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        names = ("start", "transitions", "end")
        for name, legal in zip(names, legal_steps(self.tags, self.scheme), strict=True):
            object.__setattr__(self, name, np.where(legal, getattr(self, name), -np.inf))
        written = SpanTags(self.tags, self.scheme)
        decoder = kernel.SpanDecoder(
            self.edges, self.tags.index("O"), written.goes_on, written.continuing
        )
        object.__setattr__(self, "span_tags", written)
        object.__setattr__(self, "_compiled", decoder)
        object.__setattr__(self, "_relative_sums", RelativeSums(self.edges))

    def decode(
        self, emissions: Scores, lengths: Integers, allowed: Allowed | None = None
    ) -> list[DecodedSpans]:
        """Find the spans of the best path of each sentence, and the posterior probability of each.

        The probability of a labelled span is exact: the sum over all legal paths that contain
        exactly this span, divided by the sum over all legal paths.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Number of tokens of each sentence (B).
            allowed: Whether each token may have each tag (B T C), see `allow`. Probabilities are
                then those among the allowed paths.

        Raises:
            DataError: A sentence has no allowed path, or a score is NaN or infinite.
        """
        emissions = restrict(emissions, allowed)
        found = self._compiled(emissions, lengths)
        if found is None:
            return self._decode(emissions, lengths)
        counts, rows, probabilities = found[0], *(array.tolist() for array in found[1:])
        if min(counts, default=0) < 0:
            check_finite(emissions, lengths)
            check_possible(np.array(counts) >= 0)
        labels = [self.tags[tag][2:] for tag in rows[2::3]]
        flat = list(map(Span, rows[::3], rows[1::3], labels))
        decoded, last = [], 0
        for b, count in enumerate(counts):
            first, last = last, last + count
            spans, scores = tuple(flat[first:last]), tuple(probabilities[first:last])
            if spans and math.isnan(scores[0]):
                # Scores are too far apart for the compiled sums; those in log space are exact.
                row = slice(b, b + 1)
                (scores,) = self.span_posteriors(emissions[row], lengths[row], [spans])
            decoded.append((spans, scores))
        return decoded

    def _decode(self, emissions: Scores, lengths: Integers) -> list[DecodedSpans]:
        """Decode in numpy."""
        best = self.viterbi(emissions, lengths)
        rows = zip(best.tolist(), lengths, strict=True)
        spans = [self._spans(path[:length]) for path, length in rows]
        if len(spans) > FEW:
            scores = self.span_posteriors(emissions, lengths, spans)
        else:
            rows = zip(emissions, best, spans, lengths.tolist(), strict=True)
            scores = [self._on_path(e[:n], path[:n], found) for e, path, found, n in rows]
        return list(zip(spans, scores, strict=True))

    def nbest(
        self, emissions: Scores, lengths: Integers, k: int, allowed: Allowed | None = None
    ) -> list[list[tuple[tuple[Span, ...], float]]]:
        """Find the spans of the `k` best paths of each sentence, and the probability of each path.

        BIO and BIOES write each set of spans in one way, so different paths have different spans.

        Args:
            emissions: As for `decode`.
            lengths: As for `decode`.
            k: Number of paths, at least 1. A sentence may have fewer.
            allowed: As for `decode`.

        Raises:
            DataError: As for `decode`.
        """
        found = self.nbest_tags(emissions, lengths, k, allowed)
        return [[(self._spans(path), share) for path, share in best] for best in found]

    def allow(
        self,
        lengths: Integers,
        required: Sequence[Sequence[Span]] | None = None,
        forbidden: Sequence[Sequence[Range]] | None = None,
    ) -> Allowed:
        """Say which tags each token may have, so that a path has given spans and lacks others.

        Args:
            lengths: Number of tokens of each sentence (B).
            required: For each sentence, the spans that every path contains, with just these labels
                and borders.
            forbidden: For each sentence, token ranges with a label. No span of that label touches
                the range, whatever its borders; no span at all where the label is None.

        Returns:
            Whether each token may have each tag (B T C).

        Raises:
            DataError: A span is empty, leaves its sentence, has an unknown label, or overlaps
                another required span.
        """
        allowed = np.ones((len(lengths), int(max(lengths, default=0)), len(self.tags)), np.bool_)
        labels = self.span_tags.labels
        for b, spans in enumerate(forbidden or ()):
            for start, end, label in spans:
                self._check_span(b, (start, end, label), int(lengths[b]))
                banned = labels != "" if label is None else labels == label
                allowed[b, start:end, banned] = False
        for b, spans in enumerate(required or ()):
            before = 0
            for span in sorted(spans):
                self._check_span(b, span, int(lengths[b]))
                if span.start < before:
                    raise DataError(
                        f"sentence {b}: required spans must not overlap. Got {tuple(span)} "
                        f"after one that ends at {before}."
                    )
                before = span.end
                self.span_tags.require(allowed[b, : lengths[b]], span)
        return allowed

    def _check_span(self, b: int, span: Range, length: int) -> None:
        if not self.span_tags.fits(span, length):
            raise DataError(
                f"sentence {b}: a span must lie inside its {length} tokens and have a known label. "
                f"Got {tuple(span)}."
            )

    def _spans(self, path: Sequence[int]) -> tuple[Span, ...]:
        return tuple(spans_from_tags([self.tags[tag] for tag in path]))

    def span_posteriors(
        self, emissions: Scores, lengths: Integers, spans: Sequence[Sequence[Range]]
    ) -> list[tuple[float, ...]]:
        """Compute the exact posterior probability of labelled spans, in [0, 1].

        The posterior of a range with the label None is that of all paths on which no span touches
        it.

        Args:
            emissions: Scores (B T C), finite within each length.
            lengths: Number of tokens of each sentence (B).
            spans: For each sentence any spans, overlapping or not, with labels of the tags.
        """
        # Only sentences with spans need the sums over paths.
        rows = np.array([b for b, found in enumerate(spans) if found], dtype=np.int64)
        probabilities: list[tuple[float, ...]] = [()] * len(spans)
        emissions, lengths = emissions[rows], lengths[rows]
        sums = self.sums(emissions, lengths)
        for b, row in enumerate(rows.tolist()):
            sentence = Sums(*(array[b] for array in sums))
            probabilities[row] = self._posteriors(emissions[b, : lengths[b]], sentence, spans[row])
        return probabilities

    def sample(
        self, emissions: Scores, count: int, random: "np.random.Generator"
    ) -> list[tuple[Span, ...]]:
        """Draw paths of one sentence in proportion to their probabilities, and return their spans.

        Args:
            emissions: Scores (T C), finite, or -inf for tags that are not allowed.
            count: Number of draws.
            random: Random number generator.

        Raises:
            DataError: No path is allowed, or a score is NaN or infinite.
        """
        lengths = np.array([len(emissions)])
        scores = emissions[None]
        check_finite(scores, lengths)
        sums = self.sums(scores, lengths)
        check_possible(sums.log_partition > -np.inf)
        uniform = random.random((count, 1, len(emissions)))
        drawn = paths.sample(sums.alphas, lengths, self.edges, uniform)
        return [self._spans(path) for path in drawn[:, 0].tolist()]

    def _on_path(
        self, emissions: Scores, path: Integers, spans: Sequence[Span]
    ) -> tuple[float, ...]:
        """Compute the posteriors of the spans of the best path of one sentence (T C)."""
        found = self._relative_sums(emissions, path) if spans else None
        if found is None:
            return self.span_posteriors(emissions[None], np.array([len(path)]), [spans])[0]
        return self._posteriors(*found, spans)

    def _posteriors(
        self, emissions: Scores, sums: Sums, spans: Sequence[Range]
    ) -> tuple[float, ...]:
        """Compute the posteriors of spans of one sentence (T C), given the sums over its paths."""
        scores: list[float] = []
        for start, end, label in spans:
            tags = self.span_tags.write(label, end - start)
            score = sums.alphas[start, tags[0]]
            for t in range(start + 1, end):
                step = self.transitions[tags[t - start - 1], tags[t - start]]
                score += step + emissions[t, tags[t - start]]
            score += self._closing(emissions, sums.betas, end - 1, tags[-1])
            scores.append(float(min(1.0, np.exp(score - sums.log_partition))))
        return tuple(scores)

    def _closing(self, emissions: Scores, betas: Floats, t: int, tag: int) -> float:
        """Sum over the ends that follow `tag` at token `t` and do not continue its span."""
        continuing = self.span_tags.continuing[tag]
        if continuing < 0 or t + 1 == len(emissions):
            return betas[t, tag]
        after = self.transitions[tag] + emissions[t + 1] + betas[t + 1]
        after[continuing] = -np.inf
        return float(np.logaddexp.reduce(after))
