"""Compare predicted labels of sentences, or of tokens, with the gold ones."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ner.data.sentence import Prediction, Sentence
from ner.errors import DataError
from ner.evaluation.calibration import calibration_error
from ner.evaluation.report import (
    Confusion,
    MultiLabelReport,
    SingleLabelReport,
    TokenReport,
)
from ner.evaluation.scores import NONE, score_labels
from ner.extras import require

# A probability, and whether what was predicted with it is right.
Decision = tuple[float, bool]


def evaluate_classes(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    multi_label: bool = False,
    name: str = "",
) -> SingleLabelReport | MultiLabelReport:
    """Compare the predicted labels of sentences with the gold ones of the same sentences.

    Args:
        gold: Sentences with `labels`.
        predicted: The same sentences in the same order, with `prediction`.
        multi_label: Whether a sentence may have several labels, or none.
        name: The name of the data, for the report.

    Raises:
        DataError: A gold sentence has no labels, or several where it should have one.
    """
    pairs = _labelled_pairs(gold, predicted, multi_label, name)
    return _compare_sets(pairs, name) if multi_label else _compare_classes(pairs, name)


def score_classes(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], multi_label: bool = False
) -> float:
    """Compute the score of the report of `evaluate_classes` alone, which is fast.

    Args:
        gold: As for `evaluate_classes`.
        predicted: Likewise.
        multi_label: Likewise.
    """
    pairs = _labelled_pairs(gold, predicted, multi_label)
    if not multi_label:
        return accuracy(*_single_labels(pairs))
    sets = [(set(one.labels or ()), set(prediction.labels or ())) for one, prediction in pairs]
    num_correct = sum(len(expected & found) for expected, found in sets)
    return 2 * num_correct / max(sum(len(expected) + len(found) for expected, found in sets), 1)


def evaluate_column(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    column: str,
    name: str = "",
    known_words: Collection[str] | None = None,
) -> TokenReport:
    """Compare the predicted labels of tokens with the gold ones of the same sentences.

    Args:
        gold: Sentences with the column.
        predicted: The same sentences in the same order, with `prediction`.
        column: The name of the column.
        name: The name of the data, for the report.
        known_words: The words of the training data; None if they are not known.

    Raises:
        DataError: A gold sentence lacks the column.
    """
    words: list[str] = []
    gold_labels: list[str] = []
    found: list[str] = []
    probabilities: list[float] = []
    num_right = 0
    for i, (one, prediction) in enumerate(_pairs(gold, predicted)):
        if column not in one.columns:
            where = one.source or name or "gold"
            raise DataError(f"{where}: a column {column!r} is needed. Got a sentence without it.")
        if len(prediction.columns.get(column, ())) != len(one):
            raise ValueError(f"predicted[{i}]: a label in {column!r} for each token")
        words += one.tokens
        gold_labels += one.columns[column]
        found += prediction.columns.get(column, ())
        probabilities += prediction.column_scores.get(column, ())
        num_right += tuple(one.columns[column]) == tuple(prediction.columns.get(column, ()))
    confusion = Counter(zip(gold_labels, found, strict=True))
    right = [a == b for a, b in zip(gold_labels, found, strict=True)]
    unseen = [
        is_right
        for word, is_right in zip(words, right, strict=True)
        if known_words is not None and word not in known_words
    ]
    complete = len(probabilities) == len(words)
    return TokenReport(
        name=name,
        sentences=len(gold),
        tokens=len(words),
        accuracy=accuracy(gold_labels, found),
        sentence_accuracy=num_right / max(len(gold), 1),
        unseen=None if known_words is None else len(unseen),
        unseen_accuracy=None if known_words is None else sum(unseen) / max(len(unseen), 1),
        confusion=_nested(confusion),
        ece=_ece(list(zip(probabilities, right, strict=True))) if complete else None,
        **_scores(confusion),
    )


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Compute the share of labels that are right; 0 where there are none.

    >>> accuracy(["NOUN", "VERB"], ["NOUN", "NOUN"])
    0.5
    """
    return sum(a == b for a, b in zip(gold, predicted, strict=True)) / max(len(gold), 1)


def _pairs(
    gold: Sequence[Sentence], predicted: Sequence[Sentence]
) -> Iterator[tuple[Sentence, Prediction]]:
    for i, (one, other) in enumerate(zip(gold, predicted, strict=True)):
        if one.tokens != other.tokens or other.prediction is None:
            raise ValueError(f"predicted[{i}]: the tokens of gold[{i}], and a prediction")
        yield one, other.prediction


def _labelled_pairs(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], multi_label: bool, name: str = ""
) -> list[tuple[Sentence, Prediction]]:
    pairs = list(_pairs(gold, predicted))
    for i, (one, prediction) in enumerate(pairs):
        where = one.source or name or "gold"
        if one.labels is None or (not multi_label and len(one.labels) != 1):
            got = "none" if one.labels is None else list(one.labels)
            needed = "gold labels are" if multi_label else "one gold label is"
            raise DataError(f"{where}: {needed} needed. Got {got}.")
        if prediction.labels is None:
            raise ValueError(f"predicted[{i}]: labels of the sentence")
    return pairs


def _single_labels(pairs: Sequence[tuple[Sentence, Prediction]]) -> tuple[list[str], list[str]]:
    """List the gold label of each sentence, and the one that is predicted."""
    gold = [label for one, _ in pairs for label in one.labels or ()]
    return gold, [(prediction.labels or (NONE,))[0] for _, prediction in pairs]


def _compare_classes(pairs: Sequence[tuple[Sentence, Prediction]], name: str) -> SingleLabelReport:
    gold, found = _single_labels(pairs)
    confusion = Counter(zip(gold, found, strict=True))
    decisions = [
        (prediction.probabilities[label], label == expected)
        for (_, prediction), label, expected in zip(pairs, found, gold, strict=True)
        if label in prediction.probabilities
    ]
    return SingleLabelReport(
        name=name,
        sentences=len(pairs),
        accuracy=accuracy(gold, found),
        confusion=_nested(confusion),
        ece=_ece(decisions),
        **_scores(confusion),
    )


def _compare_sets(pairs: Sequence[tuple[Sentence, Prediction]], name: str) -> MultiLabelReport:
    # How often a label is gold and predicted, gold alone, and predicted alone.
    confusion: Counter[tuple[str, str]] = Counter()
    known: set[str] = set()
    decisions: list[Decision] = []
    num_wrong = num_same = 0
    for one, prediction in pairs:
        expected, found = set(one.labels or ()), set(prediction.labels or ())
        confusion.update((label, label) for label in expected & found)
        confusion.update((label, NONE) for label in expected - found)
        confusion.update((NONE, label) for label in found - expected)
        num_wrong += len(expected ^ found)
        num_same += expected == found
        known.update(expected, found, prediction.probabilities)
        decisions += [(p, label in expected) for label, p in prediction.probabilities.items()]
    return MultiLabelReport(
        name=name,
        sentences=len(pairs),
        labels=len(known),
        accuracy=num_same / max(len(pairs), 1),
        hamming_loss=num_wrong / max(len(pairs) * len(known), 1),
        ece=_ece(decisions),
        **_scores(confusion),
    )


def _scores(confusion: Counter[tuple[str, str]]) -> dict[str, Any]:
    """Score pairs of a gold and a predicted label, each of which counts as often as it comes."""
    labels = sorted({label for pair in confusion for label in pair} - {NONE})
    score = partial(
        require("sklearn.metrics", "Evaluation", "eval").precision_recall_fscore_support,
        [gold for gold, _ in confusion],
        [found for _, found in confusion],
        labels=labels,
        sample_weight=list(confusion.values()),
    )
    return score_labels(score, labels)


def _nested(confusion: Counter[tuple[str, str]]) -> Confusion:
    gold = {one for one, _ in confusion}
    found = {other for _, other in confusion}
    rows = sorted(gold | found - {NONE})
    columns = [*rows, *({NONE} & found)]
    return {one: {other: confusion[one, other] for other in columns} for one in rows}


def _ece(decisions: Sequence[Decision]) -> float | None:
    """Compute the calibration error; None where no probability is known."""
    if not decisions:
        return None
    probabilities, right = zip(*decisions, strict=True)
    return calibration_error(np.array(probabilities), np.array(right))
