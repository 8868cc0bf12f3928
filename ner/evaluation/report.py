"""The result of an evaluation: numbers to compute with, and a table to read."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from ner.data.frozen_dict import FrozenDict, plain
from ner.data.schemes import Scheme
from ner.evaluation.breakdowns import Breakdowns
from ner.evaluation.calibration import BINS, Calibration
from ner.evaluation.conventions import Conventions
from ner.evaluation.intervals import ScoreIntervals
from ner.evaluation.scores import AVERAGES, Scores, score_table, table
from ner.evaluation.span_calibration import SpanCalibration


def freeze(report: "Report", *names: str) -> None:
    """Make dictionaries of a report unchangeable, so that it can be hashed; called by the report.

    Args:
        report: The report.
        names: The fields that hold them: numbers or dictionaries by label.
    """
    for name in names:
        frozen = {
            label: FrozenDict(each) if isinstance(each, Mapping) else each
            for label, each in getattr(report, name).items()
        }
        object.__setattr__(report, name, FrozenDict(frozen))


# Parts of reports that may be missing, and what makes them of what their `to_dict` returned.
PARTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "calibration": lambda facts: Calibration(**facts),
    "conventions": Conventions.from_dict,
    "breakdowns": Breakdowns.from_dict,
    "intervals": ScoreIntervals.from_dict,
    "reliability": SpanCalibration.from_dict,
}


def report_facts(report: "Report") -> dict[str, Any]:
    """Return the fields of a report, as JSON can hold them."""
    parts = {name: getattr(report, name, None) for name in PARTS}
    return plain(report) | {n: part.to_dict() for n, part in parts.items() if part is not None}


def report_fields(kind: type, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a kind of report from what its `to_dict` returned."""
    fields = dataclasses.fields(kind)
    known = {f.name: facts[f.name] for f in fields if f.name in facts or f.name not in PARTS}
    known |= {name: Scores(**known[name]) for name in (*AVERAGES, "strict") if name in known}
    known["per_label"] = {label: Scores(**each) for label, each in facts["per_label"].items()}
    for name, build in PARTS.items():
        if known.get(name) is not None:
            known[name] = build(known[name])
    return known


MISSED, SPURIOUS = "(missed)", "(spurious)"


@dataclass(frozen=True, repr=False)
class SpanReport:
    """How well predicted spans agree with gold ones; printing it gives a table.

    Args:
        name: The name of the data.
        sentences: The number of sentences.
        tokens: The number of tokens.
        per_label: Scores of each label, in alphabetical order.
        micro: Scores over all spans, which papers usually report.
        macro: The mean over labels.
        weighted: The mean over labels, weighted by their gold spans.
        accuracy: The share of tokens whose tag is right.
        confusion: Counts of spans by gold label, then by the label predicted for exactly the same
            tokens. Gold spans without a prediction there count as "(missed)", predicted spans
            without a gold span there count in the row "(spurious)".
        scheme: The scheme by which strict mode reads the tags.
        mode: The mode of seqeval that computed the scores above. The default mode counts like
            `conlleval.pl`; strict mode counts only spans whose tags are legal.
        strict: The micro scores in strict mode.
        conlleval: The micro scores of `conlleval.pl` for the same tags, if they differ from those
            of the default mode for all labels or for one; None if they are equal.
        conventions: The scores by the conventions of MUC and SemEval; None in strict mode.
        breakdowns: The scores of groups of spans; None where the sentences are not known.
        intervals: How far the scores would vary with other texts; None likewise.
        reliability: How often the scores of predictions are right; None where there are no scores.
        calibration: How these scores were calibrated; None if that is not known.
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
    conlleval: Scores | None = None
    conventions: Conventions | None = None
    breakdowns: Breakdowns | None = None
    intervals: ScoreIntervals | None = None
    reliability: SpanCalibration | None = None
    calibration: Calibration | None = None

    metric: ClassVar[str] = "f1"

    def __post_init__(self) -> None:
        freeze(self, "per_label", "confusion")

    def __repr__(self) -> str:
        return summary(self)

    @property
    def score(self) -> float:
        """The main score: F1 over all spans."""
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
        """Whether strict mode has the same scores, which is so where all tags are legal."""
        return self.strict == self.micro

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        head = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        equal = {"strict_equals_default": self.strict_equals_default}
        return head | report_facts(self) | equal

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A field is missing.
        """
        return cls(**report_fields(cls, facts))

    def __str__(self) -> str:
        averages = {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}
        blocks = [
            f"{self.name or 'Evaluation'}: {self.sentences} sentences, {self.tokens} tokens\n"
            f"{self._modes()}",
            score_table(self.per_label, averages),
            f"Token accuracy: {100 * self.accuracy:.2f}",
        ]
        if self.intervals is not None:
            blocks[-1] += f"\n{self.intervals.line()}"
        if self.calibration is not None:
            blocks[-1] += f"\n{self.calibration}"
        if self.conventions is not None:
            others = {"seqeval default": self.micro, "seqeval strict": self.strict}
            blocks.append(f"Scoring conventions:\n{self.conventions.beside(others)}")
        if self.confusion:
            blocks.append(f"Spans by gold label (row) and predicted label:\n{self._confusion()}")
        return "\n\n".join(blocks)

    def details(self) -> str:
        """Write tables of everything that is not in the table of the report itself."""
        parts = (self.intervals, self.breakdowns, self.reliability)
        return "\n\n".join(str(part) for part in parts if part is not None)

    def _modes(self) -> str:
        strict = f"strict mode (scheme {self.scheme})"
        if self.mode == "strict":
            return f"seqeval in {strict}"
        modes = "seqeval in default mode"
        modes += " (equal to conlleval); " if self.conlleval is None else "; "
        if self.strict_equals_default:
            modes += f"{strict} gives the same"
        else:
            modes += f"{strict} differs: {_three(self.strict)}"
        if self.conlleval is not None:
            modes += (
                f"; conlleval differs: {_three(self.conlleval)}, of {self.conlleval.support} gold "
                "spans, because it knows no prefixes but B, I and E, and joins neighbours with one "
                "label that have others"
            )
        return modes

    def _confusion(self) -> str:
        columns = list(next(iter(self.confusion.values())))
        rows = [[gold, *map(str, row.values())] for gold, row in self.confusion.items()]
        return table([["", *columns], *rows])


def _three(scores: Scores) -> str:
    precision, recall, f1, _ = scores.cells()
    return f"precision {precision}, recall {recall}, F1 {f1}"


# With more labels the table is too large to read, and the most frequent mistakes are listed.
MOST_LABELS, MOST_CONFUSIONS = 20, 20
Confusion = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True, repr=False)
class LabelReport:
    """How well predicted labels agree with gold ones; printing it gives a table.

    Args:
        name: The name of the data.
        sentences: The number of sentences.
        per_label: Scores of each label that is gold or predicted, in alphabetical order.
        micro: Scores over all decisions; with one label each, all three are the accuracy.
        macro: The mean over labels.
        weighted: The mean over labels, weighted by how often they are gold.
        accuracy: The share of sentences (of tokens, for a column) whose labels are all right.
        ece: The expected calibration error of the probabilities that came with the labels, from 0
            to 1; None where there are none.
        calibration: How these probabilities were calibrated; None if that is not known.
        intervals: How far the scores would vary with other texts; None if that is not known.
    """

    name: str
    sentences: int
    per_label: Mapping[str, Scores]
    micro: Scores
    macro: Scores
    weighted: Scores
    accuracy: float
    ece: float | None = None
    calibration: Calibration | None = None
    intervals: ScoreIntervals | None = None

    metric: ClassVar[str] = "accuracy"

    def __post_init__(self) -> None:
        freeze(self, "per_label")

    def __repr__(self) -> str:
        return summary(self)

    @property
    def score(self) -> float:
        """The main score, which `metric` names."""
        return getattr(self, self.metric)

    @property
    def f1(self) -> float:
        """F1 over all decisions."""
        return self.micro.f1

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {self.metric: self.score, "f1": self.f1} | report_facts(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Returns:
            A report of the class that has all these fields, which may be a subclass.

        Raises:
            KeyError: A field is missing.
        """
        names = {
            kind: {field.name for field in dataclasses.fields(kind)}
            for kind in (cls, *cls.__subclasses__())
        }
        fitting = [kind for kind in names if names[kind] <= facts.keys()]
        kind = max(fitting, key=lambda kind: len(names[kind]), default=cls)
        return kind(**report_fields(kind, facts))

    def __str__(self) -> str:
        averages = {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}
        lines = [f"{name}: {100 * share:.2f}" for name, share in self._shares().items()]
        if self.ece is not None:
            lines.append(f"Expected calibration error ({BINS} bins): {self.ece:.4f}")
        if self.calibration is not None:
            lines.append(str(self.calibration))
        if self.intervals is not None:
            lines.append(self.intervals.line())
        head = f"{self.name or 'Evaluation'}: {self._size()}"
        return "\n\n".join([head, score_table(self.per_label, averages), "\n".join(lines)])

    def details(self) -> str:
        """Write the intervals of all scores, if they are known."""
        return "" if self.intervals is None else str(self.intervals)

    def _size(self) -> str:
        return f"{self.sentences} sentences"

    def _shares(self) -> dict[str, float]:
        return {"Accuracy": self.accuracy}


@dataclass(frozen=True, kw_only=True, repr=False)
class SingleLabelReport(LabelReport):
    """One label a sentence.

    Args:
        confusion: Sentences by gold label, then by predicted label, "(none)" where there is none.
    """

    confusion: Confusion

    def __post_init__(self) -> None:
        freeze(self, "per_label", "confusion")

    def __str__(self) -> str:
        return super().__str__() + _show(self.confusion, "Sentences")


@dataclass(frozen=True, kw_only=True, repr=False)
class MultiLabelReport(LabelReport):
    """Any number of labels a sentence; `accuracy` is the share with exactly the gold labels.

    Args:
        labels: How many labels the model knows, or the data hold.
        hamming_loss: The share of wrong decisions, one for each sentence and label.
    """

    labels: int
    hamming_loss: float

    metric: ClassVar[str] = "f1"

    def _shares(self) -> dict[str, float]:
        return {"Subset accuracy": self.accuracy, "Hamming loss": self.hamming_loss}


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenReport(LabelReport):
    """One label a token.

    Args:
        tokens: The number of tokens.
        sentence_accuracy: The share of sentences all of whose labels are right.
        unseen: The number of tokens whose word is not in the training data; None if those words
            are not known.
        unseen_accuracy: The share of these tokens whose label is right; None as for `unseen`.
        confusion: Tokens by gold label, then by predicted label.
    """

    tokens: int
    sentence_accuracy: float
    unseen: int | None
    unseen_accuracy: float | None
    confusion: Confusion

    def __post_init__(self) -> None:
        freeze(self, "per_label", "confusion")

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


Report = SpanReport | LabelReport


def summary(report: Report) -> str:
    """Say in a line what a report is about, and its main score in percent."""
    name = f" {report.name}" if report.name else ""
    size, score = f"{report.sentences} sentences", 100 * report.score
    return f"<{type(report).__name__}{name}: {report.metric} {score:.2f}, {size}>"
