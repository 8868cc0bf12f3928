"""Precision and recall over a threshold of scores, and the area under their curve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

# Points of a curve that are kept. A picture shows no more, and a report stays small.
MOST_POINTS = 200


class Point(NamedTuple):
    """What is found with scores of at least a threshold.

    Args:
        threshold: The lowest score that is kept.
        precision: The share of kept predictions that are right.
        recall: The share of gold items that are found; 0 where there are none.
    """

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall for each threshold.

    Args:
        gold: The number of gold items.
        average_precision: The area under the curve: the sum over thresholds of the precision times
            the recall that the threshold adds. Gold items that are not predicted at all add
            nothing. None where there are no gold items.
        points: The highest threshold first; of a longer curve, `MOST_POINTS` of them.
    """

    gold: int
    average_precision: float | None
    points: tuple[Point, ...]

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read the fields, also after a way through JSON."""
        return cls(**{**facts, "points": tuple(Point(*each) for each in facts["points"])})

    def cell(self) -> str:
        """Return the average precision as a cell of a table."""
        return "-" if self.average_precision is None else f"{self.average_precision:.4f}"


def counts_at(
    scores: NDArray[np.floating], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Count what each different score keeps as a threshold, the highest one first.

    Args:
        scores: The scores of predictions (N).
        right: Whether each is right (N).

    Returns:
        The thresholds, how many predictions each keeps, and how many of these are right (D), where
        D is the number of different scores.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order].astype(np.float64)
    # Equal scores are kept or left out together: only the last one of each has a point.
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True)[: len(ordered)])
    return ordered[last], last + 1, np.cumsum(right[order], dtype=np.int64)[last]


def curve(scores: NDArray[np.floating], right: NDArray[np.bool_], gold: int) -> Curve:
    """Draw the curve of precision and recall.

    Args:
        scores: The scores of predictions (N).
        right: Whether each is right (N).
        gold: The number of gold items, found or not.
    """
    thresholds, num_kept, num_right = counts_at(scores, right)
    precisions, recalls = num_right / num_kept, num_right / max(gold, 1)
    area = float((precisions * np.diff(recalls, prepend=0.0)).sum())
    count = len(thresholds)
    kept = np.arange(count)
    if count > MOST_POINTS:
        kept = np.linspace(0, count - 1, MOST_POINTS).round().astype(np.int64)
    columns = (array[kept].tolist() for array in (thresholds, precisions, recalls))
    return Curve(gold, area if gold else None, tuple(map(Point, *columns)))
