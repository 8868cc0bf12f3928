"""The result of evaluating labels: numbers to compute with, tables to read."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ner.evaluation.calibration import BINS, Calibration
from ner.evaluation.scores import Scores, score_table, table

# More labels than that make a table that nobody can read; then the commonest mix-ups are listed.
MOST_LABELS, MOST_CONFUSIONS = 20, 20

Confusion = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    """How well predicted labels agree with gold ones; printing it gives a table.

    Args:
        name: What was evaluated.
        sentences: Their number.
        per_label: Scores of each label that is gold or predicted, in alphabetical order.
        micro: Scores over all decisions; with one label each, all three are the accuracy.
        macro: The mean over labels.
        weighted: The mean over labels, weighted by how often they are gold.
        accuracy: The share of sentences (of tokens, for a column) whose labels are all right.
        error: Expected calibration error of the probabilities that came with the labels, from 0
            to 1; None where there are none.
        calibration: How these probabilities were calibrated, where that is known.
    """

    name: str
    sentences: int
    per_label: Mapping[str, Scores]
    micro: Scores
    macro: Scores
    weighted: Scores
    accuracy: float
    error: float | None = None
    calibration: Calibration | None = None

    metric: ClassVar[str] = "accuracy"

    @property
    def score(self) -> float:
        """The figure that counts, the one that `metric` names."""
        return getattr(self, self.metric)

    @property
    def f1(self) -> float:
        """F1 over all decisions."""
        return self.micro.f1

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {self.metric: self.score, "f1": self.f1} | dataclasses.asdict(self)

    def __str__(self) -> str:
        averages = {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}
        lines = [f"{name}: {100 * share:.2f}" for name, share in self._shares().items()]
        if self.error is not None:
            lines.append(f"Expected calibration error ({BINS} bins): {self.error:.4f}")
        if self.calibration is not None:
            lines.append(str(self.calibration))
        head = f"{self.name or 'Evaluation'}: {self._size()}"
        return "\n\n".join([head, score_table(self.per_label, averages), "\n".join(lines)])

    def _size(self) -> str:
        return f"{self.sentences} sentences"

    def _shares(self) -> dict[str, float]:
        return {"Accuracy": self.accuracy}


@dataclass(frozen=True, kw_only=True)
class ClassReport(ClassificationReport):
    """One label a sentence.

    Args:
        confusion: Sentences by gold label, then by predicted label, "(none)" where there is none.
    """

    confusion: Confusion

    def __str__(self) -> str:
        return super().__str__() + _show(self.confusion, "Sentences")


@dataclass(frozen=True, kw_only=True)
class MultiLabelReport(ClassificationReport):
    """Any number of labels a sentence; `accuracy` is the share of sentences with the very set.

    Args:
        labels: How many labels the model knows, or the data hold.
        hamming_loss: The share of wrong decisions, one for each sentence and label.
    """

    labels: int
    hamming_loss: float

    metric: ClassVar[str] = "f1"

    def _shares(self) -> dict[str, float]:
        return {"Subset accuracy": self.accuracy, "Hamming loss": self.hamming_loss}


@dataclass(frozen=True, kw_only=True)
class ColumnReport(ClassificationReport):
    """One label a token.

    Args:
        tokens: Their number.
        sentence_accuracy: The share of sentences all of whose labels are right.
        unseen: How many tokens are of words that training did not show; None if that is unknown.
        unseen_accuracy: The share of those whose label is right; None as for `unseen`.
        confusion: Tokens by gold label, then by predicted label.
    """

    tokens: int
    sentence_accuracy: float
    unseen: int | None
    unseen_accuracy: float | None
    confusion: Confusion

    def _size(self) -> str:
        return f"{self.sentences} sentences, {self.tokens} tokens"

    def _shares(self) -> dict[str, float]:
        shares = {"Token accuracy": self.accuracy, "Sentence accuracy": self.sentence_accuracy}
        if self.unseen_accuracy is None:
            return shares
        return shares | {f"Accuracy on {self.unseen} tokens of unseen words": self.unseen_accuracy}

    def __str__(self) -> str:
        return super().__str__() + _show(self.confusion, "Tokens")


def _show(confusion: Confusion, items: str) -> str:
    """Write how often gold and predicted labels meet, or where they differ most often."""
    columns = list(next(iter(confusion.values()), ()))
    if not columns:
        return ""
    if len(confusion) <= MOST_LABELS:
        rows = [[gold, *map(str, row.values())] for gold, row in confusion.items()]
        title = f"{items} by gold label (row) and predicted label:"
        return f"\n\n{title}\n{table([['', *columns], *rows])}"
    wrong = [
        (count, gold, found)
        for gold, row in confusion.items()
        for found, count in row.items()
        if count and found != gold
    ]
    most = sorted(wrong, key=lambda each: (-each[0], each[1:]))[:MOST_CONFUSIONS]
    if not most:
        return ""
    cells = [[f"{gold} as {found}", str(count)] for count, gold, found in most]
    return f"\n\n{items} with another label than the gold one, most frequent first:\n{table(cells)}"
