"""How often a teacher errs, measured where gold is known, and what its labels then say.

A teacher's tags come out of the true ones through a noisy channel. The channel writes a text from
left to right: each tag of the teacher depends on the true tag of the token, and on whether the
teacher's token before is in a span, and of which label. So a name of three tokens that is missed
costs one miss and not three, and a name with a wrong label one confusion. Since the teacher's tags
are known, the channel comes down to a weight for each true tag at each token, which training
multiplies into its lattice (`Sentence.allowed_weights`).

Source: Bekker and Goldberger, "Training deep neural-networks based on unreliable labels", ICASSP
2016, for a channel behind a network; Dawid and Skene, "Maximum Likelihood Estimation of Observer
Error-Rates Using the EM Algorithm", 1979, for the product over teachers. Here the channel has a
memory of one tag, and it is counted on gold instead of learned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ner.data.schemes import Span, tag_set, tags_from_spans
from ner.data.tools.suggestions import Opinion

# What a teacher says of a token: nothing, the first token of a span of the true label or of
# another one, or the next token of its span.
OUTSIDE, SAME, OTHER, GOES_ON = range(4)

# What is true of the token, and where the teacher's token before is. For a token outside of spans,
# there is no difference between labels.
OUT_AFTER_OUT, OUT_AFTER_SPAN = 0, 1
FIRST_AFTER_OUT, FIRST_AFTER_SAME, FIRST_AFTER_OTHER = 2, 3, 4
NEXT_AFTER_OUT, NEXT_AFTER_SAME, NEXT_AFTER_OTHER = 5, 6, 7

# What a teacher says in each of these cases if nothing is known about it: it finds 85 of 100
# entities, calls 5 by another label, and one of 100 tokens between them begins a false one.
USUAL = np.array(
    [
        [0.99, 0.00, 0.01, 0.00],
        [0.97, 0.00, 0.01, 0.02],
        [0.10, 0.85, 0.05, 0.00],
        [0.15, 0.40, 0.05, 0.40],
        [0.15, 0.50, 0.05, 0.30],
        [0.85, 0.10, 0.05, 0.00],
        [0.04, 0.01, 0.01, 0.94],
        [0.05, 0.03, 0.02, 0.90],
    ]
)

# How many observations the assumptions count for: of what is usual, of what holds for all labels in
# the rates of one, and of scores. They decide where gold has fewer.
STRENGTH = 10.0

# Spans of a teacher are divided by their scores into this many parts.
PARTS = 3

# A probability that is no 0 and no 1.
LEAST = 0.01


@dataclass(frozen=True)
class Rates:
    """The rates of a teacher's errors for entities, from 0 to 1, as people read them.

    Args:
        entities: Number of gold entities that were compared.
        missed: Share of them of which no token is in a span of the teacher.
        wrong_label: Share of them that have the right borders and another label.
        wrong_borders: Share of all others that are not just as they should be.
        spurious: Share of the teacher's spans that touch no gold entity.
    """

    entities: int
    missed: float
    wrong_label: float
    wrong_borders: float
    spurious: float

    def __str__(self) -> str:
        if not self.entities:
            return "no gold entity to compare with, so usual errors are assumed"
        return (
            f"of {self.entities:,} gold entities, {self.missed:.1%} are missed, "
            f"{self.wrong_label:.1%} have a wrong label and {self.wrong_borders:.1%} wrong "
            f"borders; {self.spurious:.1%} of its spans are none"
        )


@dataclass(frozen=True)
class Compared:
    """A text with the spans of a teacher and of gold.

    Args:
        length: Number of tokens.
        opinion: What the teacher says.
        gold: What is true.
    """

    length: int
    opinion: Opinion
    gold: Sequence[Span]


class Channel:
    """The errors of one teacher.

    Args:
        labels: All labels.
        compared: The texts that gold has, too.
        scores: The scores of all spans of the teacher, also in other texts.
    """

    def __init__(
        self, labels: Sequence[str], compared: Sequence[Compared], scores: Iterable[float]
    ) -> None:
        self.tags = tuple(tag_set(labels, "BIO"))
        self.rates = measured_rates(compared)
        self._labels = {label: i for i, label in enumerate(labels)}
        self._counts = np.zeros((len(labels) + 1, *USUAL.shape))
        self._pairs = np.zeros((len(labels) + 1, len(labels)))
        self._scores = ScoreParts(scores)
        self._columns: dict[tuple[str, str, int], NDArray[np.float64]] = {}
        for text in compared:
            self._count(text)

    def weights(self, opinion: Opinion, length: int) -> NDArray[np.float64]:
        """Return the probability of what a teacher says of each token, by true tag: (T, C).

        Rows of tokens that the teacher has not read hold 1.
        """
        tags = teacher_tags(opinion, length)
        parts = {span.start: self._scores.part(opinion.spans[span]) for span in chosen(opinion)}
        table = np.ones((length, len(self.tags)))
        before = "O"
        for t, tag in enumerate(tags):
            if t not in opinion.unread:
                table[t] = self._column(before, tag, parts.get(t, -1))
            before = "O" if t in opinion.unread else tag
        if opinion.types is not None:
            # A label for which the teacher does not look is as nothing to it.
            ignored = [true != "O" and true[2:] not in opinion.types for true in self.tags]
            table[:, ignored] = table[:, :1]
        return table

    def _count(self, text: Compared) -> None:
        gold = tags_from_spans(sought(text.gold, text.opinion), text.length, "BIO")
        said_tags = teacher_tags(text.opinion, text.length)
        before = "O"
        for t, (true, tag) in enumerate(zip(gold, said_tags, strict=True)):
            if t in text.opinion.unread:
                before = "O"
                continue
            case, said = case_of(true, before), said_of(true, before, tag)
            row = self._labels.get(true[2:], -1)
            self._counts[row, case, said] += 1
            if said == OTHER:
                self._pairs[row, self._labels[tag[2:]]] += 1
            before = tag
        for span in chosen(text.opinion):
            self._scores.count(text.opinion.spans[span], span in text.gold)

    def _column(self, before: str, tag: str, part: int) -> NDArray[np.float64]:
        """Return the probability of a teacher's tag after another one, by true tag (C)."""
        key = (before, tag, part)
        if key not in self._columns:
            found = np.array([self._probability(true, before, tag) for true in self.tags])
            if part >= 0:
                is_right = np.array([true == tag for true in self.tags])
                found *= np.where(is_right, *self._scores.factors(part))
            self._columns[key] = found
        return self._columns[key]

    def _probability(self, true: str, before: str, tag: str) -> float:
        case, said = case_of(true, before), said_of(true, before, tag)
        row = self._labels.get(true[2:], -1)
        share = self._shares[row, case, said]
        if said == OTHER:
            share *= self._confusions[row, self._labels[tag[2:]]]
        return float(max(share, 1e-6))

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """What is said in each case, by true label: (L + 1, 8, 4)."""
        common = _shares(self._counts.sum(0), USUAL)
        return _shares(self._counts, common)

    @cached_property
    def _confusions(self) -> NDArray[np.float64]:
        """The shares of other labels, by true label: (L + 1, L)."""
        usual = np.ones_like(self._pairs)
        np.fill_diagonal(usual, 0.0)
        return _shares(self._pairs, usual / np.maximum(usual.sum(1, keepdims=True), 1))


class ScoreParts:
    """Spans of a teacher, divided by their scores: how often those of each part are right.

    Args:
        scores: The scores of all spans, from 0 to 1.
    """

    def __init__(self, scores: Iterable[float]) -> None:
        self.all = np.sort(np.array([*scores], dtype=np.float64))
        places = np.arange(1, PARTS) / PARTS
        self.borders = np.unique(np.quantile(self.all, places)) if len(self.all) else self.all
        self._right = np.zeros(len(self.borders) + 1)
        self._count = np.zeros(len(self.borders) + 1)

    def part(self, score: float) -> int:
        """Return the part of a score."""
        return int(np.searchsorted(self.borders, score, side="right"))

    def count(self, score: float, is_right: bool) -> None:
        """Add a span of which it is known whether it is right."""
        self._right[self.part(score)] += is_right
        self._count[self.part(score)] += 1

    def factors(self, part: int) -> tuple[float, float]:
        """Return how much more probable a score of a part is for right spans, and for wrong ones.

        Both are relative to all spans, so that they are 1 if scores say nothing.
        """
        right, shares = self._probabilities
        mean = float(right @ shares)
        return float(right[part] / mean), float((1 - right[part]) / (1 - mean))

    @cached_property
    def _probabilities(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How often spans of each part are right, and the share of each part."""
        parts = np.searchsorted(self.borders, self.all, side="right")
        sizes = np.bincount(parts, minlength=len(self._count)).astype(np.float64)
        means = np.bincount(parts, self.all, len(self._count)) / np.maximum(sizes, 1)
        right = (self._right + STRENGTH * means) / (self._count + STRENGTH)
        return np.clip(right, LEAST, 1 - LEAST), sizes / max(sizes.sum(), 1)


def measured_rates(compared: Sequence[Compared]) -> Rates:
    """Compare the spans of a teacher with gold."""
    gold = missed = wrong_label = right = found = spurious = 0
    for text in compared:
        spans = chosen(text.opinion)
        unread = text.opinion.unread
        read = [s for s in sought(text.gold, text.opinion) if unread.isdisjoint(range(*s[:2]))]
        places = {(span.start, span.end) for span in spans}
        gold += len(read)
        found += len(spans)
        right += sum(span in spans for span in read)
        missed += sum(not any(_touch(span, other) for other in spans) for span in read)
        wrong_label += sum(s not in spans and (s.start, s.end) in places for s in read)
        spurious += sum(not any(_touch(span, other) for other in text.gold) for span in spans)
    total, all_found = max(gold, 1), max(found, 1)
    others = gold - right - missed - wrong_label
    return Rates(*(gold, missed / total, wrong_label / total, others / total, spurious / all_found))


def soft_tags(
    tags: Sequence[str], tables: Sequence[NDArray[np.float64]]
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[float, ...], ...]]:
    """Return `allowed` and `allowed_weights` of a text.

    Args:
        tags: All tags, in BIO.
        tables: What each teacher says, (T, C). Teachers err independently of each other.
    """
    product = np.prod(tables, axis=0)
    product /= product.max(axis=1, keepdims=True)
    every = tuple(tags)
    is_known = (product.min(axis=1) < 1).tolist()
    rows = np.maximum(product, 1e-9).tolist()
    return (
        tuple(every if known else () for known in is_known),
        tuple(tuple(row) if known else () for row, known in zip(rows, is_known, strict=True)),
    )


def chosen(opinion: Opinion) -> list[Span]:
    """Return the spans of a teacher without overlaps; of two, the one with the higher score."""
    kept: list[Span] = []
    for span in sorted(opinion.spans, key=lambda each: (-opinion.spans[each], each)):
        if not any(_touch(span, other) for other in kept):
            kept.append(span)
    return sorted(kept)


def sought(gold: Sequence[Span], opinion: Opinion) -> list[Span]:
    """Return the gold spans for whose labels a teacher looks."""
    return [span for span in gold if opinion.types is None or span.label in opinion.types]


def teacher_tags(opinion: Opinion, length: int) -> list[str]:
    """Return the tags of a teacher, in BIO."""
    return tags_from_spans(chosen(opinion), length, "BIO")


def case_of(true: str, before: str) -> int:
    """Return the case of a true tag, after a tag of the teacher."""
    if true == "O":
        return OUT_AFTER_OUT if before == "O" else OUT_AFTER_SPAN
    is_same = before[2:] == true[2:]
    if true[0] == "B":
        after_span = FIRST_AFTER_SAME if is_same else FIRST_AFTER_OTHER
        return FIRST_AFTER_OUT if before == "O" else after_span
    after_span = NEXT_AFTER_SAME if is_same else NEXT_AFTER_OTHER
    return NEXT_AFTER_OUT if before == "O" else after_span


def said_of(true: str, before: str, tag: str) -> int:
    """Return what a tag of the teacher says, after another one, of a true tag."""
    if tag == "O":
        return OUTSIDE
    if tag[0] == "I":
        return GOES_ON
    return SAME if true != "O" and tag[2:] == true[2:] else OTHER


def scores_of(opinions: Iterable[Mapping[str, Opinion]], teacher: str) -> list[float]:
    """List the scores of all spans of a teacher."""
    return [score for each in opinions if teacher in each for score in each[teacher].spans.values()]


def _shares(counts: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn counts to shares, with some of what is usual added."""
    return (counts + STRENGTH * usual) / (counts.sum(-1, keepdims=True) + STRENGTH)


def _touch(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end
