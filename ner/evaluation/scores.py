"""Precision, recall and F1 of labels and their averages, and tables of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What people call the main scores.
METRIC_NAMES = {"f1": "F1", "accuracy": "accuracy"}

# What is predicted for a sentence without tokens.
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 as fractions of one, and the number of gold items behind them."""

    precision: float
    recall: float
    f1: float
    support: int

    def cells(self) -> list[str]:
        """Return the row of a table."""
        fractions = (self.precision, self.recall, self.f1)
        return [*(f"{100 * fraction:.2f}" for fraction in fractions), str(self.support)]


AVERAGES: tuple[str, ...] = ("micro", "macro", "weighted")


def score_labels(score: Callable[..., Any], labels: Sequence[str]) -> dict[str, Any]:
    """Compute the scores of each label and their averages, as fields of a report.

    Args:
        score: `precision_recall_fscore_support` of scikit-learn, or seqeval's function of the same
            name, with all arguments but the average.
        labels: What it scores, in its order.
    """
    per_label: dict[str, Scores] = {}
    averages = dict.fromkeys(AVERAGES, Scores(0.0, 0.0, 0.0, 0))
    # Neither library averages over no label.
    if labels:
        columns = score(average=None, zero_division=0)
        for label, *figures in zip(labels, *columns, strict=True):
            per_label[label] = _scores(*figures)
        total = sum(scores.support for scores in per_label.values())
        for kind in AVERAGES:
            precision, recall, f1, _ = score(average=kind, zero_division=0)
            averages[kind] = _scores(precision, recall, f1, total)
    return {"per_label": per_label, **averages}


def _scores(precision: float, recall: float, f1: float, support: float) -> Scores:
    """Convert numbers of numpy into those of Python, which JSON can write."""
    return Scores(float(precision), float(recall), float(f1), int(support))


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
