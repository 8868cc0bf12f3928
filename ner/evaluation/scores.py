"""Figures of labels, and tables of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 as fractions of one, and the number of gold items behind them."""

    precision: float
    recall: float
    f1: float
    support: int

    def cells(self) -> list[str]:
        """Give the row of a table."""
        fractions = (self.precision, self.recall, self.f1)
        return [*(f"{100 * fraction:.2f}" for fraction in fractions), str(self.support)]


class Counts(NamedTuple):
    """How often a label is right, predicted, and gold."""

    correct: int
    predicted: int
    gold: int

    def scores(self) -> Scores:
        """Give precision, recall and F1; 0 where there is nothing to divide by."""
        correct, predicted, gold = self
        return Scores(
            correct / max(predicted, 1),
            correct / max(gold, 1),
            2 * correct / max(predicted + gold, 1),
            gold,
        )


class Averages(NamedTuple):
    """Scores of all labels together.

    Args:
        micro: Over all decisions, whatever their label.
        macro: The mean over labels.
        weighted: The mean over labels, weighted by how often they are gold.
    """

    micro: Scores
    macro: Scores
    weighted: Scores


def average(counts: Iterable[Counts]) -> Averages:
    """Average over labels; over none of them, 0."""
    each = list(counts)
    micro = Counts(*map(sum, zip(*each, strict=True))) if each else Counts(0, 0, 0)
    per_label = [count.scores() for count in each]

    def mean(weights: Sequence[int]) -> Scores:
        total = max(sum(weights), 1)
        pairs = list(zip(weights, per_label, strict=True))
        return Scores(
            sum(weight * scores.precision for weight, scores in pairs) / total,
            sum(weight * scores.recall for weight, scores in pairs) / total,
            sum(weight * scores.f1 for weight, scores in pairs) / total,
            micro.gold,
        )

    return Averages(
        micro.scores(), mean([1] * len(each)), mean([scores.support for scores in per_label])
    )


def score_table(per_label: Mapping[str, Scores], averages: Mapping[str, Scores]) -> str:
    """Write the scores of labels, and then their averages, as a table."""
    header = ["", "precision", "recall", "F1", "support"]
    rows = [[n, *s.cells()] for each in (per_label, averages) for n, s in each.items()]
    return table([header, *rows])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align the first column left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
