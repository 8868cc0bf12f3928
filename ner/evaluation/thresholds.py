"""The lowest scores from which predicted entities are as often right as somebody asks for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from ner.data.frozen_dict import FrozenDict, plain
from ner.errors import ConfigError, DataError
from ner.evaluation.precision_recall import counts_at
from ner.evaluation.scores import table
from ner.evaluation.span_calibration import Decisions
from ner.schema import Nullable, SchemaError, Table, flag, number, text, whole

# How sure it must be that the precision is reached. With thresholds of one half of the documents of
# CoNLL-2003's development data, the other half then has a mean precision of 0.957 where 0.95 is
# asked for, and 0.983 where 0.98 is; without a margin these are 0.953 and 0.978.
CONFIDENCE = 0.8

ALL = "all"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest score of a label, and what it keeps of the data that it was found on.

    Args:
        threshold: The lowest score that is kept; 0 keeps all, and None nothing, because no score
            reaches the precision.
        is_shared: Whether the label has too few predictions for a threshold of its own, and has
            that of all labels together.
        predicted: The number of predictions.
        kept: The number of predictions that are kept.
        precision: The share of kept predictions that are right; None where none is kept.
        recall: The share of gold entities that are found by what is kept; None where there are
            none.
        full_recall: The share of gold entities that are found without any threshold.
        gold: The number of gold entities.
    """

    threshold: float | None
    is_shared: bool
    predicted: int
    kept: int
    precision: float | None
    recall: float | None
    full_recall: float | None
    gold: int

    def cells(self) -> list[str]:
        """Return the row of a table."""
        lowest = "none" if self.threshold is None else f"{self.threshold:.4f}"
        shares = (self.precision, self.recall, self.full_recall)
        return [
            lowest + ("*" if self.is_shared else ""),
            *("-" if share is None else f"{100 * share:.2f}" for share in shares),
            *map(str, (self.kept, self.predicted, self.gold)),
        ]


FIGURES = {
    "is_shared": flag,
    **dict.fromkeys(("predicted", "kept", "gold"), whole(0)),
    **dict.fromkeys(("threshold", "precision", "recall", "full_recall"), Nullable(number(0, 1))),
}
THRESHOLD = Table(FIGURES, required=tuple(FIGURES))
FILE = Table(
    {
        "precision": number(0, 1),
        "confidence": number(0, 1),
        "labels": Table(others=THRESHOLD),
        "total": THRESHOLD,
        "model": text,
        "data": text,
    },
    required=("precision", "confidence", "labels", "total", "model", "data"),
)


@dataclass(frozen=True)
class Thresholds:
    """A lowest score for each label; printing it gives a table.

    Args:
        precision: The precision that was asked for.
        confidence: How sure it is that other data of the same kind reach it, from 0.5 to 1.
        labels: The threshold of each label of the model, in its order.
        total: What all these thresholds keep; its own `threshold` is the one that labels share.
        model: The digest of the model, whose scores these are.
        data: The name of the data.
    """

    precision: float
    confidence: float
    labels: Mapping[str, Threshold]
    total: Threshold
    model: str = ""
    data: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", FrozenDict(self.labels))

    @property
    def min_score(self) -> dict[str, float | None]:
        """The lowest score of each label, as `Tagger.tag` takes it."""
        return {label: each.threshold for label, each in self.labels.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return plain(self)

    @classmethod
    def from_dict(cls, facts: Any, where: str = "thresholds") -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Args:
            facts: What was read.
            where: What a message calls it.

        Raises:
            DataError: It holds no thresholds.
        """
        try:
            FILE.check(facts, f"{where}: ")
        except SchemaError as error:
            raise DataError(f"{error} Write the file with ner thresholds.") from None
        labels = {label: Threshold(**each) for label, each in facts["labels"].items()}
        return cls(**{**facts, "labels": labels, "total": Threshold(**facts["total"])})

    @property
    def notes(self) -> list[str]:
        """A sentence for each label that is left out, and for those with a shared threshold."""
        needed = fewest(self.precision, self.confidence)
        found: list[str] = []
        for label, each in self.labels.items():
            if each.is_shared:
                found.append(
                    f"{label}: {each.predicted} predictions are too few for a threshold of its "
                    f"own, which needs {needed:,}. It has that of all labels together."
                )
            if each.threshold is None:
                found.append(
                    f"{label}: no score reaches a precision of {self.precision:g}, so none of its "
                    "entities is kept."
                )
        return found

    def __str__(self) -> str:
        header = ["", "threshold", "precision", "recall", "recall of all", "kept", "predicted"]
        rows = [[label, *each.cells()] for label, each in self.labels.items()]
        rows.append([ALL, "", *self.total.cells()[1:]])
        title = (
            f"{self.data or 'Thresholds'}: lowest scores for a precision of {self.precision:g}, "
            f"reached with a confidence of {self.confidence:g}"
        )
        return "\n\n".join([title, table([[*header, "gold"], *rows]), *self.notes])


def find_thresholds(
    decisions: Decisions,
    precision: float,
    labels: Sequence[str],
    *,
    confidence: float = CONFIDENCE,
    model: str = "",
    data: str = "",
) -> Thresholds:
    """Find the lowest score of each label from which its entities have a precision.

    A few predictions that are right prove little. A threshold counts only if the lower bound of its
    precision reaches what is asked for: Wilson's interval on one side, with this confidence. A
    label with so few predictions that not even perfect ones would prove it shares the threshold of
    all labels together.

    Args:
        decisions: The predicted entities of annotated data.
        precision: What is asked for, above 0 and up to 1.
        labels: The labels of the model.
        confidence: From 0.5, where the precision on these data counts as it is, to below 1.
        model: The digest of the model.
        data: The name of the data.

    Raises:
        ConfigError: The precision or the confidence is out of range.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal
    of the American Statistical Association 22(158), 1927.
    """
    check_shares(precision, confidence)
    needed = fewest(precision, confidence)
    shared = _lowest(decisions, precision, confidence)
    found: dict[str, Threshold] = {}
    kept = np.zeros(len(decisions.labels), dtype=np.bool_)
    for label in labels:
        own = decisions.of(label)
        is_shared = len(own.labels) < needed
        lowest = shared if is_shared else _lowest(own, precision, confidence)
        found[label] = _threshold(own, lowest, _at_least(own, lowest), is_shared)
        kept[[each == label for each in decisions.labels]] = _at_least(own, lowest)
    total = _threshold(decisions, shared, kept, False)
    return Thresholds(precision, confidence, found, total, model, data)


def check_shares(precision: float, confidence: float) -> None:
    """Refuse what thresholds cannot be found for.

    Raises:
        ConfigError: The precision or the confidence is out of range.
    """
    if not 0 < precision <= 1:
        raise ConfigError(f"precision: must be above 0 and up to 1. Got {precision}.")
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"confidence: must be from 0.5 to below 1. Got {confidence}.")


def lower_bound(right: Any, count: Any, confidence: float) -> Any:
    """Compute the lower bound of a share, by Wilson's interval on one side.

    Args:
        right: How many are right; a number, or an array.
        count: Of how many, at least 1.
        confidence: How sure the bound is, at least 0.5.

    >>> [round(float(lower_bound(95, 100, sure)), 4) for sure in (0.5, 0.9)]
    [0.95, 0.9141]
    """
    z = NormalDist().inv_cdf(confidence)
    share, square = right / count, z**2 / count
    spread = z * np.sqrt(share * (1 - share) / count + square / (4 * count))
    return (share + square / 2 - spread) / (1 + square)


def fewest(precision: float, confidence: float) -> float:
    """Compute how many predictions, all of them right, prove a precision; inf if none do.

    >>> fewest(0.95, 0.8), fewest(0.95, 0.5), fewest(1, 0.8)
    (14, 1, inf)
    """
    square = NormalDist().inv_cdf(confidence) ** 2
    if square == 0:
        return 1
    if precision == 1:
        return math.inf
    return max(1, math.ceil(square * precision / (1 - precision)))


def _lowest(decisions: Decisions, precision: float, confidence: float) -> float | None:
    scores, num_kept, num_right = counts_at(decisions.scores, decisions.right)
    if not len(scores):
        return None
    reached = np.flatnonzero(lower_bound(num_right, num_kept, confidence) >= precision)
    if not len(reached):
        return None
    last = int(reached[-1])
    # What keeps all predictions here keeps all elsewhere.
    return 0.0 if last == len(scores) - 1 else float(scores[last])


def _at_least(decisions: Decisions, lowest: float | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return decisions.scores >= (math.inf if lowest is None else lowest)


def _threshold(
    decisions: Decisions,
    lowest: float | None,
    kept: np.ndarray[Any, np.dtype[np.bool_]],
    is_shared: bool,
) -> Threshold:
    num_kept, gold = int(kept.sum()), decisions.num_gold
    right = int(decisions.right[kept].sum())
    return Threshold(
        threshold=lowest,
        is_shared=is_shared,
        predicted=len(kept),
        kept=num_kept,
        precision=right / num_kept if num_kept else None,
        recall=right / gold if gold else None,
        full_recall=int(decisions.right.sum()) / gold if gold else None,
        gold=gold,
    )
