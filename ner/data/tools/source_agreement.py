"""How far teachers agree: kappa and F1 of each pair, and alpha of all of them.

Kappa and alpha compare the labels of tokens, without the prefixes of tags; F1 compares whole spans.
They are 1 for full agreement, and kappa and alpha are 0 for agreement by chance. Compared are the
tokens that have been read by those who are compared, and the labels for which all of them look.

Source: Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological
Measurement 20, 1960; Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C
(nominal data, any number of observers, missing data).
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ner.data.schemes import Span
from ner.data.tools.suggestions import Opinion

OUTSIDE = "O"

# The number of tokens of a text, and what each teacher says about it.
Read = tuple[int, Mapping[str, Opinion]]


@dataclass(frozen=True)
class PairAgreement:
    """How far two teachers agree. None stands for what is not defined.

    Args:
        first: The name of the first teacher.
        second: The name of the second teacher.
        texts: The number of texts that both have labelled.
        tokens: The number of tokens that both have read there.
        kappa: Cohen's kappa of the labels of these tokens.
        f1: F1 of the spans, the same in both directions.
    """

    first: str
    second: str
    texts: int
    tokens: int
    kappa: float | None
    f1: float | None


@dataclass(frozen=True)
class Agreement:
    """How far teachers agree.

    Args:
        pairs: Each pair of teachers.
        alpha: Krippendorff's alpha of the labels of tokens, over all teachers.
        alpha_of: The same for each label and those who look for it, where all others count as O.
    """

    pairs: tuple[PairAgreement, ...]
    alpha: float | None
    alpha_of: Mapping[str, float | None]


def agreement(texts: Sequence[Read], types: Mapping[str, frozenset[str]]) -> Agreement:
    """Compare what teachers say.

    Args:
        texts: The texts.
        types: The labels for which each teacher looks.
    """
    labels = sorted(set().union(*types.values())) if types else []
    common = frozenset.intersection(*types.values()) if types else frozenset()
    seekers = {label: [name for name, own in types.items() if label in own] for label in labels}
    return Agreement(
        tuple(_pair(texts, *pair, types) for pair in itertools.combinations(types, 2)),
        alpha(_units(texts, list(types), common)),
        {label: alpha(_units(texts, seekers[label], {label})) for label in labels},
    )


def _pair(
    texts: Sequence[Read], first: str, second: str, types: Mapping[str, frozenset[str]]
) -> PairAgreement:
    shared = types[first] & types[second]
    both = [(n, o[first], o[second]) for n, o in texts if first in o and second in o]
    pairs: Counter[tuple[str, str]] = Counter()
    same = total = 0
    for length, *opinions in both:
        rows = [token_labels(opinion, length, shared) for opinion in opinions]
        known = [(a, b) for a, b in zip(*rows, strict=True) if a is not None and b is not None]
        pairs.update(known)
        unread = opinions[0].unread | opinions[1].unread
        spans = [_spans(opinion, shared, unread) for opinion in opinions]
        same += len(spans[0] & spans[1])
        total += len(spans[0]) + len(spans[1])
    f1 = 2 * same / total if total else None
    return PairAgreement(first, second, len(both), pairs.total(), kappa(pairs), f1)


def token_labels(opinion: Opinion, length: int, types: Iterable[str]) -> list[str | None]:
    """Return the label of each token, O outside of spans, and None where the teacher says nothing.

    A teacher who does not look for all of the types says nothing outside of spans. Of spans that
    overlap, the one with the highest score counts, and then the longest.
    """
    looks_for_all = set(types) <= (opinion.types or frozenset())
    labels: list[str | None] = [OUTSIDE if looks_for_all else None] * length
    known = [span for span in opinion.spans if span.label in types]
    known.sort(key=lambda s: (opinion.spans[s], s.end - s.start, -s.start, s.label))
    for start, end, label in known:
        labels[start:end] = [label] * (end - start)
    return [None if t in opinion.unread else label for t, label in enumerate(labels)]


def _spans(opinion: Opinion, types: Iterable[str], unread: frozenset[int]) -> set[Span]:
    return {
        s for s in opinion.spans if s.label in types and unread.isdisjoint(range(s.start, s.end))
    }


def _units(
    texts: Sequence[Read], teachers: Sequence[str], types: Iterable[str]
) -> Iterator[list[str]]:
    """Yield the labels of each token by those who have read it."""
    for length, opinions in texts:
        rows = [token_labels(opinions[n], length, types) for n in teachers if n in opinions]
        for labels in zip(*rows, strict=True):
            yield [label for label in labels if label is not None]


def kappa(pairs: Mapping[tuple[str, str], int]) -> float | None:
    """Return Cohen's kappa of two annotators.

    Args:
        pairs: How often the first says one thing, and the second another one or the same.

    Returns:
        The kappa, at most 1; None if both always say the same one thing, or there are no pairs.

    >>> kappa({("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15})
    0.4
    """
    total = sum(pairs.values())
    first, second = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        first[a] += count
        second[b] += count
    expected = sum(first[label] * second[label] for label in first)
    if expected == total * total:
        return None
    observed = sum(count for (a, b), count in pairs.items() if a == b)
    return (observed * total - expected) / (total * total - expected)


def alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for nominal data.

    Args:
        units: For each unit what its annotators say; those who say nothing are left out. Units
            with fewer than two annotators do not count.

    Returns:
        The alpha, at most 1; None if only one thing is ever said, or there are no such units.

    >>> round(alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b"]]), 4)
    0.4444
    """
    # Units that say the same count together.
    kinds = Counter(tuple(sorted(unit)) for unit in units if len(unit) > 1)
    said: Counter[str] = Counter()
    agreeing = 0.0
    for unit, count in kinds.items():
        each = Counter(unit)
        for label, times in each.items():
            said[label] += times * count
        # Source: Krippendorff 2011, the coincidences o_cc of a value with itself.
        agreeing += count * sum(n * (n - 1) for n in each.values()) / (len(unit) - 1)
    total = said.total()
    expected = total * total - sum(n * n for n in said.values())
    if not expected:
        return None
    return 1 - (total - 1) * (total - agreeing) / expected
