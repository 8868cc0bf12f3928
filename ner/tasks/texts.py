"""Labels of a whole text: one of several classes, or any number of them."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ner.choices import Unit
from ner.crf.forward_backward import Edges
from ner.data.schemes import Span
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import DataError, TaskError
from ner.evaluation.calibration import label_probabilities
from ner.features.arrays import OutputArrays
from ner.schema import SchemaError, Table, flag, strings
from ner.tasks.base import NOTHING_KNOWN, Card, Decode, HeadName, Known, temperature_rule

if TYPE_CHECKING:
    from ner.evaluation.report import Report
    from ner.evaluation.unit_counts import UnitCounts

# Where a text may have several labels, it gets those that are more probable than this.
THRESHOLD = 0.5

LABELS = Table(
    {"labels": strings(), "multi_label": flag, "temperature": temperature_rule},
    required=("labels", "multi_label", "temperature"),
)


@dataclass(frozen=True)
class TextTask:
    """Label whole texts.

    Args:
        outputs: The labels, in the order of the network's scores.
        multi_label: Whether a text may have several labels, or none.
        temperature: The number that divides scores before they become probabilities.
    """

    name: ClassVar[str] = "classify"
    verb: ClassVar[str] = "classify"
    noun: ClassVar[str] = "classifier"
    does: ClassVar[str] = "labels whole texts"
    is_per_token: ClassVar[bool] = False
    finds_spans: ClassVar[bool] = False
    head: ClassVar[HeadName] = "classes"
    own_settings: ClassVar[tuple[str, ...]] = (
        "head.multi_label",
        "head.label_smoothing",
        "pooling",
        "augmentation.delete",
        "augmentation.swap",
    )
    baseline_name: ClassVar[str] = "the most frequent label"
    card: ClassVar[Card] = Card(
        "Text classifier",
        'model.classify("Some text.").label',
        "Probabilities are calibrated on the development data by one temperature.",
    )
    results: ClassVar[str] = "labels"
    result_fields: ClassVar[tuple[str, ...]] = ("label", "score")
    outputs: tuple[str, ...]
    multi_label: bool = False
    temperature: float = 1.0

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Build the task that a configuration asks for, without labels."""
        return cls((), settings["head"]["multi_label"])

    def settings(self) -> dict[str, Any]:
        """Return the task, and whether a text may have several labels."""
        return {"task": self.name, "head.multi_label": self.multi_label}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            SchemaError: It holds no labels, or no positive temperature.
        """
        LABELS.check(facts, "labels.json: ")
        if not facts["labels"]:
            raise SchemaError("labels.json: labels must be at least one. Got none.")
        return cls(tuple(facts["labels"]), facts["multi_label"], float(facts["temperature"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the labels, whether there may be several, and the temperature."""
        return {
            "labels": list(self.outputs),
            "multi_label": self.multi_label,
            "temperature": self.temperature,
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of texts."""
        return self.outputs

    @property
    def column(self) -> None:
        """Labels of whole texts are no column."""
        return

    @property
    def head_options(self) -> dict[str, Any]:
        """Whether a text may have several labels."""
        return {"multi_label": self.multi_label}

    @property
    def empty(self) -> Prediction:
        """The prediction for a text without tokens: no labels."""
        return Prediction(labels=())

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data.

        Raises:
            DataError: There are too few labels to choose between.
        """
        labels = (
            *self.outputs,
            *sorted(set(self.count_labels(sentences)).difference(self.outputs)),
        )
        needed = 1 if self.multi_label else 2
        if len(labels) < needed:
            raise DataError(f"train: at least {needed} labels to learn. Got {list(labels)}.")
        return replace(self, outputs=labels, temperature=1.0)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the task with other names of labels."""
        return replace(self, outputs=tuple(names.get(label, label) for label in self.outputs))

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence without labels, or with several where it may have one."""
        where = sentence.source or split
        if sentence.labels is None:
            hint = "Leave the text out."
            if sentence.spans is not None:
                hint = "Tags of tokens are learned with --task ner."
            elif self.multi_label:
                hint = "For a text that has none, write an empty list: []."
            raise DataError(f"{where}: {split} data must have labels. Got none. {hint}")
        if not self.multi_label and len(sentence.labels) != 1:
            raise DataError(
                f"{where}: a text must have one label. Got {list(sentence.labels)}. Texts with "
                "several or none need --set head.multi_label=true."
            )

    def gold(
        self, sentences: Sequence[Sentence], *, is_partial: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Return the `classes` of all texts (N), or for each label whether it holds (N C).

        Labels of texts are never partial.
        """
        ids = {label: i for i, label in enumerate(self.outputs)}
        if not self.multi_label:
            classes = [ids[label] for s in sentences for label in s.labels or ()]
            return {"classes": np.array(classes, dtype=np.int64)}
        table = np.zeros((len(sentences), len(ids)), dtype=bool)
        for row, sentence in zip(table, sentences, strict=True):
            row[[ids[label] for label in sentence.labels or ()]] = True
        return {"classes": table}

    def decode(self, edges: Edges | None) -> Decode:
        """Return what turns scores into probabilities and labels; there are no steps to score."""
        return partial(_decode, self)

    def decisions(self, sentence: Sentence) -> Sequence[Hashable]:
        """List the predicted labels of the text, as one item."""
        return [(sentence.prediction or self.empty).labels]

    def rows(self, sentence: PredictedSentence) -> Iterable[tuple[int | str | float, ...]]:
        """List the predicted labels of the text with their probabilities."""
        found = sentence.prediction
        return ((label, found.probabilities[label]) for label in found.labels or ())

    @property
    def metric(self) -> str:
        """The main score: F1 where there may be several labels, otherwise accuracy."""
        return "f1" if self.multi_label else "accuracy"

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute `metric` from gold labels and predictions."""
        from ner.evaluation.label_metrics import score_classes

        return score_classes(gold, predicted, self.multi_label)

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known: Known = NOTHING_KNOWN,
    ) -> "Report":
        """Compute all scores; what is known is not used."""
        from ner.evaluation.label_metrics import evaluate_classes

        return evaluate_classes(gold, predicted, self.multi_label, name)

    def count_units(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        unit: Unit | None = None,
    ) -> "UnitCounts":
        """Count right, predicted and gold labels of each text or document."""
        from ner.evaluation.scores import NONE
        from ner.evaluation.unit_counts import count_units, documents_of

        found = [(s.prediction or self.empty).labels or () for s in predicted]
        if not self.multi_label:
            found = [labels or (NONE,) for labels in found]
        return count_units(
            [[(label,) for label in s.labels or ()] for s in gold],
            [[(label,) for label in labels] for labels in found],
            documents_of(gold),
            unit=unit,
            metric=self.metric,
        )

    def count_labels(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Count the gold labels of texts."""
        return Counter(label for s in sentences for label in s.labels or ())

    def with_spans(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Return sentences in which the whole text is a span with its label.

        Raises:
            TaskError: A text may have several labels.
        """
        if self.multi_label:
            raise TaskError(
                "error report: the model must give each text one label. Got one that may give "
                "several. Evaluate it without --html and --errors."
            )
        return [self._with_span(sentence) for sentence in sentences]

    def _with_span(self, sentence: Sentence) -> Sentence:
        found, length = sentence.prediction, len(sentence)
        changes: dict[str, Any] = {"spans": _text_span(sentence.labels or (), length)}
        if found is not None:
            scores = [found.probabilities[label] for label in found.labels or () if length]
            changes["prediction"] = Prediction(_text_span(found.labels or (), length), scores)
        return sentence.replace(**changes)

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn to predict the most frequent label, whatever the text."""
        from ner.evaluation.baselines import CommonClass

        return CommonClass(train).tag

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn scores (B C) into probabilities: of each class, or of each label by itself."""
        return label_probabilities(
            logits, temperature=self.temperature, multi_label=self.multi_label
        )


def _text_span(labels: Iterable[str], length: int) -> list[Span]:
    """Return the label of a text of some tokens as a span of all of them."""
    return [Span(0, length, label) for label in labels if length]


def _decode(
    task: TextTask, outputs: OutputArrays, lengths: NDArray[np.int64]
) -> Sequence[Prediction]:
    logits = outputs["logits"]
    if not np.isfinite(logits).all():
        raise DataError(f"scores must be finite. Got {logits[~np.isfinite(logits)][0]}.")
    found: list[Prediction] = []
    for b, shares in enumerate(task.probabilities(logits).tolist()):
        if task.multi_label:
            labels = [n for n, p in zip(task.outputs, shares, strict=True) if p > THRESHOLD]
        else:
            labels = [task.outputs[int(logits[b].argmax())]]
        attention = outputs["attention"][b, :, : lengths[b]] if "attention" in outputs else ()
        found.append(
            Prediction(
                labels=tuple(labels),
                probabilities=dict(zip(task.outputs, shares, strict=True)),
                attention=tuple(tuple(map(float, row)) for row in attention),
            )
        )
    return found
