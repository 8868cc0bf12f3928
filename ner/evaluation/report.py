"""The result of an evaluation: numbers to compute with, a table to read."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ner.data.schemes import Scheme
from ner.evaluation.scores import Scores, score_table, table

MISSED, SPURIOUS = "(missed)", "(spurious)"


@dataclass(frozen=True)
class Report:
    """How well predicted spans agree with gold ones; printing it gives a table.

    Args:
        name: What was evaluated.
        sentences: Their number.
        tokens: Their number.
        per_label: Scores of each label, in alphabetical order.
        micro: Scores over all spans; the figure that is usually published.
        macro: The mean over labels.
        weighted: The mean over labels, weighted by their gold spans.
        accuracy: The share of tokens whose tag is right.
        confusion: Spans by gold label, then by the label predicted for exactly the same tokens.
            Gold spans with no prediction there count as "(missed)", predicted spans with no gold
            span there make up the row "(spurious)".
        scheme: The scheme under which strict mode reads the tags.
        mode: The mode of seqeval behind all scores above. The default one counts like
            `conlleval.pl`; the strict one counts only spans whose tags are legal.
        strict: The micro scores in strict mode.
    """

    name: str
    sentences: int
    tokens: int
    per_label: Mapping[str, Scores]
    micro: Scores
    macro: Scores
    weighted: Scores
    accuracy: float
    confusion: Mapping[str, Mapping[str, int]]
    scheme: Scheme
    mode: Literal["default", "strict"]
    strict: Scores

    metric: ClassVar[str] = "f1"

    @property
    def score(self) -> float:
        """The figure that counts: F1 over all spans."""
        return self.micro.f1

    @property
    def f1(self) -> float:
        """F1 over all spans."""
        return self.micro.f1

    @property
    def precision(self) -> float:
        """Precision over all spans."""
        return self.micro.precision

    @property
    def recall(self) -> float:
        """Recall over all spans."""
        return self.micro.recall

    @property
    def strict_equals_default(self) -> bool:
        """Whether strict mode gives these very scores, as it does wherever all tags are legal."""
        return self.strict == self.micro

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        head = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        equal = {"strict_equals_default": self.strict_equals_default}
        return head | dataclasses.asdict(self) | equal

    def __str__(self) -> str:
        averages = {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}
        blocks = [
            f"{self.name or 'Evaluation'}: {self.sentences} sentences, {self.tokens} tokens\n"
            f"{self._modes()}",
            score_table(self.per_label, averages),
            f"Token accuracy: {100 * self.accuracy:.2f}",
        ]
        if self.confusion:
            blocks.append(f"Spans by gold label (row) and predicted label:\n{self._confusion()}")
        return "\n\n".join(blocks)

    def _modes(self) -> str:
        strict = f"strict mode (scheme {self.scheme})"
        if self.mode == "strict":
            return f"seqeval in {strict}"
        default = "seqeval in default mode (equal to conlleval)"
        if self.strict_equals_default:
            return f"{default}; {strict} gives the same"
        precision, recall, f1, _ = self.strict.cells()
        return f"{default}; {strict} differs: precision {precision}, recall {recall}, F1 {f1}"

    def _confusion(self) -> str:
        columns = list(next(iter(self.confusion.values())))
        rows = [[gold, *map(str, row.values())] for gold, row in self.confusion.items()]
        return table([["", *columns], *rows])
