"""What the page shows beyond the figures of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from ner.data.sentence import PredictedSentence, Sentence
from ner.evaluation.breakdowns import Breakdowns, break_down
from ner.evaluation.conventions import Conventions, count_conventions
from ner.evaluation.intervals import ScoreIntervals, score_intervals
from ner.evaluation.span_calibration import SpanCalibration, span_calibration
from ner.evaluation.surfaces import SurfaceCounts
from ner.evaluation.unit_counts import count_units, documents_of


@dataclass(frozen=True)
class Details:
    """Further figures; None are those that are not known.

    Args:
        intervals: How far scores would vary with other texts.
        conventions: Scores of spans by the conventions of MUC and SemEval.
        breakdowns: Scores of groups of spans.
        calibration: How far the scores of spans can be trusted.
    """

    intervals: ScoreIntervals | None = None
    conventions: Conventions | None = None
    breakdowns: Breakdowns | None = None
    calibration: SpanCalibration | None = None


def span_details(
    gold: Sequence[Sentence],
    predicted: Sequence[PredictedSentence],
    surfaces: SurfaceCounts | None = None,
) -> Details:
    """Compute the details of an evaluation of spans.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        surfaces: The surfaces of the training data, if they are known.
    """
    found = [sentence.prediction for sentence in predicted]
    is_scored = all(len(each.spans or ()) == len(each.scores) for each in found)
    sides = [s.spans or () for s in gold], [each.spans or () for each in found]
    return Details(
        score_intervals(count_units(*sides, documents_of(gold))),
        count_conventions(*sides),
        break_down(gold, predicted, surfaces),
        span_calibration(gold, predicted) if is_scored else None,
    )
