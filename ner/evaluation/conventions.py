"""The four scoring conventions of MUC and SemEval-2013, side by side.

Gold and predicted spans are aligned: a pair is a gold and a predicted span with a token in common,
and each span is in one pair at most. Each convention says which pairs are correct:

* strict: both have the same borders and the same label,
* exact: both have the same borders, whatever their labels,
* partial: as exact; any other pair is partially correct and counts half,
* type: both have the same label, whatever their borders.

Other pairs are incorrect. A gold span without a pair is missed, a predicted one is spurious.

Source: Chinchor and Sundheim, "MUC-5 evaluation metrics", 1993, for the counts and figures;
Segura-Bedmar, Martínez and Herrero-Zazo, "SemEval-2013 Task 9: Extraction of drug-drug interactions
from biomedical texts", 2013, for the four conventions. Neither says which of several overlapping
spans are a pair. Here each convention takes the alignment with the most correct pairs and, of
those, one with the most pairs, so that the counts do not depend on the order of the spans.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np

from ner.data.frozen_dict import FrozenDict
from ner.data.schemes import Span
from ner.evaluation.scores import Scores, table
from ner.extras import require

Convention = Literal["strict", "exact", "partial", "type"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
KINDS: tuple[str, ...] = ("correct", "incorrect", "partial", "missed", "spurious")


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """The counts of one convention, and the figures that follow from them.

    Args:
        correct: Pairs that are correct.
        incorrect: Pairs that are neither correct nor partially correct.
        partial: Pairs that are partially correct.
        missed: Gold spans without a pair.
        spurious: Predicted spans without a pair.
    """

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0

    @property
    def possible(self) -> int:
        """The number of gold spans."""
        return self.correct + self.incorrect + self.partial + self.missed

    @property
    def actual(self) -> int:
        """The number of predicted spans."""
        return self.correct + self.incorrect + self.partial + self.spurious

    @property
    def precision(self) -> float:
        """The share of predicted spans that are correct; a partial one counts half. 0 of none."""
        return (self.correct + self.partial / 2) / max(self.actual, 1)

    @property
    def recall(self) -> float:
        """The share of gold spans that are found; a partial one counts half. 0 of none."""
        return (self.correct + self.partial / 2) / max(self.possible, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 where both are 0."""
        return (2 * self.correct + self.partial) / max(self.possible + self.actual, 1)

    @property
    def scores(self) -> Scores:
        """Precision, recall and F1, with the number of gold spans."""
        return Scores(self.precision, self.recall, self.f1, self.possible)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the figures, as JSON can hold them."""
        figures = (*KINDS, "possible", "actual", "precision", "recall", "f1")
        return {name: getattr(self, name) for name in figures}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A count is missing.
        """
        return cls(**{kind: facts[kind] for kind in KINDS})


@dataclass(frozen=True)
class Conventions:
    """The counts of the four conventions; printing it gives a table.

    Args:
        overall: The counts of each convention over all spans.
        per_label: The same for the gold and predicted spans of one label alone, by label in
            alphabetical order, as seqeval and nervaluate count them. Here a span with the wrong
            label is missed for one label and spurious for the other.
    """

    overall: Mapping[Convention, MatchCounts]
    per_label: Mapping[str, Mapping[Convention, MatchCounts]]

    def __post_init__(self) -> None:
        per_label = {label: FrozenDict(counts) for label, counts in self.per_label.items()}
        object.__setattr__(self, "overall", FrozenDict(self.overall))
        object.__setattr__(self, "per_label", FrozenDict(per_label))

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "overall": _dicts(self.overall),
            "per_label": {label: _dicts(counts) for label, counts in self.per_label.items()},
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A count is missing.
        """
        per_label = {label: _counts(counts) for label, counts in facts["per_label"].items()}
        return cls(_counts(facts["overall"]), per_label)

    def beside(self, others: Mapping[str, Scores]) -> str:
        """Write the four conventions below scores of others, by name, as a table."""
        header = ["", "precision", "recall", "F1", *KINDS]
        rows = [[name, *scores.cells()[:3], *[""] * len(KINDS)] for name, scores in others.items()]
        for convention, counts in self.overall.items():
            numbers = (str(getattr(counts, kind)) for kind in KINDS)
            rows.append([f"MUC {convention}", *counts.scores.cells()[:3], *numbers])
        return table([header, *rows])

    def __str__(self) -> str:
        header = ["F1", *(f"MUC {convention}" for convention in self.overall)]
        rows = [
            [label, *(f"{100 * each.f1:.2f}" for each in counts.values())]
            for label, counts in self.per_label.items()
        ]
        return "\n\n".join([self.beside({}), *([table([header, *rows])] if rows else [])])


def count_conventions(
    gold: Sequence[Iterable[Span]], predicted: Sequence[Iterable[Span]]
) -> Conventions:
    """Count how predicted spans agree with gold ones by each of the four conventions.

    Spans may overlap, nest and stand in any order. A span that is listed twice counts once.

    Args:
        gold: The gold spans of each sentence.
        predicted: The predicted spans of each sentence, as many as gold ones.

    Raises:
        MissingExtraError: Spans overlap in such a way that scipy is needed, and it is missing.

    >>> counts = count_conventions([[Span(0, 2, "PER")]], [[Span(0, 3, "PER")]])
    >>> counts.overall["partial"]
    MatchCounts(correct=0, incorrect=0, partial=1, missed=0, spurious=0)
    >>> [counts.overall[name].f1 for name in CONVENTIONS]
    [0.0, 0.0, 0.5, 1.0]
    """
    sentences = list(zip(gold, predicted, strict=True))
    by_label: defaultdict[str, dict[int, tuple[list[Span], list[Span]]]] = defaultdict(dict)
    for i, sides in enumerate(sentences):
        for side, spans in enumerate(sides):
            for span in spans:
                by_label[span.label].setdefault(i, ([], []))[side].append(span)
    per_label = {label: _count(by_label[label].values()) for label in sorted(by_label)}
    return Conventions(_count(sentences), per_label)


def _count(
    sentences: Iterable[tuple[Iterable[Span], Iterable[Span]]],
) -> dict[Convention, MatchCounts]:
    alike = Counter[str]()  # what all conventions agree on, which is most
    apart: dict[Convention, Counter[str]] = {name: Counter() for name in CONVENTIONS}
    for gold, predicted in sentences:
        for some_gold, some_predicted in _clusters(gold, predicted):
            if some_gold == some_predicted and len(some_gold) == 1:
                alike["correct"] += 1
            elif not some_predicted:
                alike["missed"] += len(some_gold)
            elif not some_gold:
                alike["spurious"] += len(some_predicted)
            else:
                for convention, counts in apart.items():
                    _add_best(counts, some_gold, some_predicted, convention)
    return {convention: MatchCounts(**alike + counts) for convention, counts in apart.items()}


def _clusters(
    gold: Iterable[Span], predicted: Iterable[Span]
) -> Iterator[tuple[list[Span], list[Span]]]:
    """Divide the spans of a sentence where none goes on; no pair can reach across."""
    sides = [(span, 0) for span in set(gold)]
    sides += [(span, 1) for span in set(predicted)]
    sides.sort()
    cluster: tuple[list[Span], list[Span]] = [], []
    end = 0
    for span, side in sides:
        if span.start >= end and end:
            yield cluster
            cluster = [], []
        cluster[side].append(span)
        end = max(end, span.end)
    if end:
        yield cluster


def _add_best(
    counts: Counter[str], gold: Sequence[Span], predicted: Sequence[Span], convention: Convention
) -> None:
    """Add the counts of the best alignment within a cluster that has spans on both sides."""
    correct, pairs = _align(gold, predicted, convention)
    counts["correct"] += correct
    counts["partial" if convention == "partial" else "incorrect"] += pairs - correct
    counts["missed"] += len(gold) - pairs
    counts["spurious"] += len(predicted) - pairs


def _align(
    gold: Sequence[Span], predicted: Sequence[Span], convention: Convention
) -> tuple[int, int]:
    """Count the correct pairs and all pairs of the best alignment."""
    if len(gold) == len(predicted) == 1:
        return int(_is_correct(gold[0], predicted[0], convention)), 1
    # One correct pair outweighs all the pairs that there can be.
    correct = 1 + min(len(gold), len(predicted))
    weights = np.array(
        [
            [
                _overlap(one, other) * (correct if _is_correct(one, other, convention) else 1)
                for other in predicted
            ]
            for one in gold
        ]
    )
    optimize = require("scipy.optimize", "Evaluation", "eval")
    chosen = weights[optimize.linear_sum_assignment(weights, maximize=True)]
    return int((chosen > 1).sum()), int((chosen > 0).sum())


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _is_correct(gold: Span, predicted: Span, convention: Convention) -> bool:
    """Whether a pair is correct."""
    same_borders = gold.start == predicted.start and gold.end == predicted.end
    same_label = gold.label == predicted.label
    match convention:
        case "strict":
            return same_borders and same_label
        case "exact" | "partial":
            return same_borders
        case "type":
            return same_label


def _dicts(counts: Mapping[Convention, MatchCounts]) -> dict[str, dict[str, Any]]:
    return {convention: each.to_dict() for convention, each in counts.items()}


def _counts(facts: Mapping[str, Mapping[str, Any]]) -> dict[Convention, MatchCounts]:
    return {convention: MatchCounts.from_dict(facts[convention]) for convention in CONVENTIONS}
