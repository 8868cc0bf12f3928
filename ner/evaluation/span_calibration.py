"""How often scores of predictions are right: of entities, and of the tags of tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ner.data.frozen_dict import FrozenDict, plain
from ner.data.schemes import Scheme, tags_from_spans
from ner.data.sentence import PredictedSentence, Sentence
from ner.evaluation.calibration import BINS, calibration_error, which_bins
from ner.evaluation.precision_recall import Curve, curve
from ner.evaluation.scores import table


class Decisions(NamedTuple):
    """Predictions with their scores; N is their number.

    Args:
        scores: The score of each, from 0 to 1 (N).
        right: Whether each is right (N).
        labels: The label of each (N).
        gold: The number of gold items of each label, found or not.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    labels: tuple[str, ...]
    gold: Mapping[str, int]

    def of(self, label: str) -> "Decisions":
        """Return those with one label."""
        kept = np.array([each == label for each in self.labels], dtype=np.bool_)
        labels = tuple(each for each in self.labels if each == label)
        gold = {label: self.gold.get(label, 0)}
        return Decisions(self.scores[kept], self.right[kept], labels, gold)

    @property
    def num_gold(self) -> int:
        """The number of gold items of all labels."""
        return sum(self.gold.values())

    @property
    def known_labels(self) -> list[str]:
        """All labels that are predicted or gold, in alphabetical order."""
        return sorted({*self.labels, *self.gold})


def entity_decisions(gold: Sequence[Sentence], predicted: Sequence[PredictedSentence]) -> Decisions:
    """List the predicted entities. One is right if a gold one has its borders and its label.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
    """
    scores: list[float] = []
    right: list[bool] = []
    labels: list[str] = []
    counts: Counter[str] = Counter()
    for one, other in zip(gold, predicted, strict=True):
        expected, found = set(one.spans or ()), other.prediction.spans or ()
        counts.update(span.label for span in expected)
        scores += other.prediction.scores
        right += [span in expected for span in found]
        labels += [span.label for span in found]
    return _decisions(scores, right, labels, counts)


def tag_decisions(
    gold: Sequence[Sentence],
    predicted: Sequence[PredictedSentence],
    scores: Sequence[Sequence[float]],
    scheme: Scheme,
) -> Decisions:
    """List the predicted tags of all tokens, O among them.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        scores: For each sentence, the probability of the predicted tag of each token; see
            `Tagger.tag_scores`.
        scheme: The scheme of the tags, which is that of the model.
    """
    expected, found = (
        [
            tag
            for sentence, spans in zip(gold, side, strict=True)
            for tag in tags_from_spans(spans or (), len(sentence), scheme)
        ]
        for side in ([s.spans for s in gold], [s.prediction.spans for s in predicted])
    )
    right = [a == b for a, b in zip(expected, found, strict=True)]
    return _decisions([x for each in scores for x in each], right, found, Counter(expected))


def label_decisions(
    gold: Sequence[Sentence], predicted: Sequence[PredictedSentence], column: str
) -> Decisions:
    """List the predicted labels of all tokens.

    Args:
        gold: Sentences with the column.
        predicted: The same sentences in the same order, with `prediction`.
        column: The name of the column.
    """
    expected = [label for s in gold for label in s.columns[column]]
    found = [label for s in predicted for label in s.prediction.columns[column]]
    scores = [score for s in predicted for score in s.prediction.column_scores[column]]
    right = [a == b for a, b in zip(expected, found, strict=True)]
    return _decisions(scores, right, found, Counter(expected))


def _decisions(
    scores: list[float], right: list[bool], labels: list[str], gold: Counter[str]
) -> Decisions:
    arrays = np.array(scores, dtype=np.float64), np.array(right, dtype=np.bool_)
    return Decisions(*arrays, tuple(labels), FrozenDict(gold))


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose score is in (low, high], or from 0 on in the first bin.

    Args:
        low: The lower border.
        high: The upper border.
        score: The mean score.
        right: The share that is right.
        count: The number of predictions, at least 1.
    """

    low: float
    high: float
    score: float
    right: float
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often predictions are right, next to what their scores say.

    Args:
        count: The number of predictions.
        score: The mean score; None where there are no predictions, as for the next ones.
        right: The share that is right.
        ece: The expected calibration error, from 0 to 1; see `calibration_error`.
        brier: The mean of the squared differences between a score and 1 for right or 0 for wrong.
        bins: The bins that hold predictions, lowest first.

    Source of the last score: Brier, "Verification of Forecasts Expressed in Terms of Probability",
    Monthly Weather Review 78(1), 1950.
    """

    count: int
    score: float | None
    right: float | None
    ece: float | None
    brier: float | None
    bins: tuple[Bin, ...] = ()

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` of a report returned, also after a way through JSON."""
        return cls(**{**facts, "bins": tuple(Bin(**each) for each in facts["bins"])})

    def cells(self) -> list[str]:
        """Return the row of a table."""
        shares = (self.score, self.right, self.ece, self.brier)
        return [str(self.count), *("-" if x is None else f"{x:.4f}" for x in shares)]


def reliability(decisions: Decisions, bins: int = BINS) -> Reliability:
    """Compare scores with the share that is right, in bins of equal width.

    Args:
        decisions: The predictions.
        bins: The number of bins.
    """
    scores, right, count = decisions.scores, decisions.right, len(decisions.scores)
    if not count:
        return Reliability(0, None, None, None, None)
    which = which_bins(scores, bins)
    counts = np.bincount(which, minlength=bins)
    sums, num_right = (np.bincount(which, x, minlength=bins) for x in (scores, right))
    return Reliability(
        count=count,
        score=float(scores.mean()),
        right=float(right.mean()),
        ece=calibration_error(scores, right, bins),
        brier=float(((scores - right) ** 2).mean()),
        bins=tuple(
            Bin(
                low=k / bins,
                high=(k + 1) / bins,
                score=float(sums[k] / counts[k]),
                right=float(num_right[k] / counts[k]),
                count=int(counts[k]),
            )
            for k in np.flatnonzero(counts).tolist()
        ),
    )


@dataclass(frozen=True)
class SpanCalibration:
    """How often the scores of a tagger are right; printing it gives tables.

    Args:
        entities: All predicted entities.
        per_label: Those of each label that is predicted or gold, in alphabetical order.
        curve: Precision and recall over scores, of all entities.
        curves: The same for each label.
        tags: The predicted tags of all tokens, O among them; None if their scores are not known.
    """

    entities: Reliability
    per_label: Mapping[str, Reliability]
    curve: Curve
    curves: Mapping[str, Curve]
    tags: Reliability | None = None

    def __post_init__(self) -> None:
        for name in ("per_label", "curves"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return plain(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A field is missing.
        """
        tags = facts["tags"]
        return cls(
            entities=Reliability.from_dict(facts["entities"]),
            per_label={k: Reliability.from_dict(each) for k, each in facts["per_label"].items()},
            curve=Curve.from_dict(facts["curve"]),
            curves={label: Curve.from_dict(each) for label, each in facts["curves"].items()},
            tags=None if tags is None else Reliability.from_dict(tags),
        )

    def __str__(self) -> str:
        header = ["", "predicted", "mean score", "right", "ECE", "Brier", "AP"]
        rows = [
            [label, *each.cells(), self.curves[label].cell()]
            for label, each in self.per_label.items()
        ]
        rows.append(["all entities", *self.entities.cells(), self.curve.cell()])
        if self.tags is not None:
            rows.append(["tags of tokens", *self.tags.cells(), ""])
        blocks = [f"Scores of predictions:\n{table([header, *rows])}"]
        if self.entities.bins:
            blocks.append(f"Entities by score:\n{_bin_table(self.entities.bins)}")
        return "\n\n".join(blocks)


def span_calibration(
    gold: Sequence[Sentence],
    predicted: Sequence[PredictedSentence],
    tag_scores: Sequence[Sequence[float]] | None = None,
    scheme: Scheme = "BIO",
    bins: int = BINS,
) -> SpanCalibration:
    """Compare the scores of predicted entities, and of tags, with how often they are right.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        tag_scores: For each sentence, the probability of the predicted tag of each token; see
            `Tagger.tag_scores`. None if they are not known.
        scheme: The scheme of these tags, which is that of the model.
        bins: The number of bins.
    """
    found = entity_decisions(gold, predicted)
    each = {label: found.of(label) for label in found.known_labels}
    tags = None
    if tag_scores is not None:
        tags = reliability(tag_decisions(gold, predicted, tag_scores, scheme), bins)
    return SpanCalibration(
        entities=reliability(found, bins),
        per_label={label: reliability(own, bins) for label, own in each.items()},
        curve=curve(found.scores, found.right, found.num_gold),
        curves={label: curve(own.scores, own.right, own.num_gold) for label, own in each.items()},
        tags=tags,
    )


def _bin_table(bins: Sequence[Bin]) -> str:
    rows = [
        [f"{b.low:.2f} to {b.high:.2f}", str(b.count), f"{b.score:.4f}", f"{b.right:.4f}"]
        for b in bins
    ]
    return table([["score", "predicted", "mean score", "right"], *rows])
