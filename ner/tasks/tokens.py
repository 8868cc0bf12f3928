"""One label a token, without prefixes, such as its part of speech: a named column."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ner.choices import Unit
from ner.crf.forward_backward import Edges, Scores
from ner.crf.lattice import TagLattice
from ner.data.schemes import Span
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import ConfigError, DataError
from ner.features.arrays import OutputArrays
from ner.schema import SchemaError, Table, strings, text
from ner.tasks.base import (
    NOTHING_KNOWN,
    Card,
    Decode,
    HeadName,
    Known,
    check_tag_count,
    divided,
    divided_edges,
    temperature_rule,
)

if TYPE_CHECKING:
    from ner.evaluation.report import Report
    from ner.evaluation.unit_counts import UnitCounts

LABELS = Table(
    {"column": text, "labels": strings(), "temperature": temperature_rule},
    required=("column", "labels"),
)


@dataclass(frozen=True)
class TokenTask:
    """Label every token: predict a column of labels.

    Args:
        column: The name of the column.
        outputs: The labels, in the order of the network's scores.
        temperature: The number that divides all scores before they become probabilities. The best
            path does not depend on it.
    """

    name: ClassVar[str] = "tag"
    verb: ClassVar[str] = "tag"
    noun: ClassVar[str] = "tagger"
    does: ClassVar[str] = "labels tokens"
    is_per_token: ClassVar[bool] = True
    finds_spans: ClassVar[bool] = False
    head: ClassVar[HeadName] = "tags"
    own_settings: ClassVar[tuple[str, ...]] = (
        "data.target",
        "head.cost",
        "head.ends",
        "augmentation.tokens",
        "training.document_folds",
    )
    baseline_name: ClassVar[str] = "the most frequent label of each training word"
    card: ClassVar[Card] = Card(
        "Token tagger",
        'model.tag("Some text.").column(model.column)',
        "The score of a label is its exact posterior probability under the model, calibrated on "
        "the development data by one temperature.",
    )
    results: ClassVar[str] = "labels"
    result_fields: ClassVar[tuple[str, ...]] = ("start", "end", "label", "score")
    column: str
    outputs: tuple[str, ...]
    temperature: float = 1.0

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Build the task that a configuration asks for, without labels.

        Raises:
            ConfigError: The configuration names no column.
        """
        column = settings["data"]["target"]
        if not column:
            raise ConfigError(
                "data.target: the column that the task 'tag' learns, such as upos, must be named "
                "with --target. Got none."
            )
        return cls(column, ())

    def settings(self) -> dict[str, Any]:
        """Return the task and the column."""
        return {"task": self.name, "data.target": self.column}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            SchemaError: It holds no labels, or no positive temperature.
        """
        LABELS.check(facts, "labels.json: ")
        if not facts["labels"]:
            raise SchemaError("labels.json: labels must be at least one. Got none.")
        check_tag_count(facts["labels"], "labels.json")
        temperature = float(facts.get("temperature", 1.0))
        return cls(facts["column"], tuple(facts["labels"]), temperature)

    def to_dict(self) -> dict[str, Any]:
        """Return the column, the labels and the temperature."""
        return {
            "column": self.column,
            "labels": list(self.outputs),
            "temperature": self.temperature,
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of tokens."""
        return self.outputs

    @property
    def head_options(self) -> dict[str, Any]:
        """No scheme: labels have no prefixes, so every step between them is legal."""
        return {"scheme": None}

    @property
    def empty(self) -> Prediction:
        """The prediction for a sentence without tokens: no labels."""
        return Prediction(columns={self.column: ()}, column_scores={self.column: ()})

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data.

        Raises:
            DataError: There are too many labels.
        """
        new = sorted(set(self.count_labels(sentences)).difference(self.outputs))
        labels = (*self.outputs, *new)
        check_tag_count(labels, "train")
        return type(self)(self.column, labels)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the task with other names of labels."""
        return replace(self, outputs=tuple(names.get(label, label) for label in self.outputs))

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence without the column."""
        if self.column not in sentence.columns:
            known = ", ".join(sentence.columns) or "none"
            raise DataError(
                f"{sentence.source or split}: {split} data must have a column {self.column!r}. "
                f"Got the columns: {known}. Name one of them with --target, or all of them with "
                "--columns."
            )

    def gold(
        self, sentences: Sequence[Sentence], *, is_partial: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Return the labels of all tokens end to end, as `tags` (N); they are never partial."""
        ids = {label: i for i, label in enumerate(self.outputs)}
        tags = [ids[label] for s in sentences for label in s.columns[self.column]]
        return {"tags": np.array(tags, dtype=np.int64)}

    def lattice(self, edges: Edges | None) -> TagLattice:
        """Return the paths; without learnt scores of steps all of them score zero.

        It takes the scores of `emissions`.
        """
        scores = divided_edges(edges, len(self.outputs), self.temperature)
        return TagLattice(*scores, self.outputs)

    def emissions(self, outputs: OutputArrays) -> Scores:
        """Return the scores of labels (B T C), divided by the temperature."""
        return divided(outputs["emissions"], self.temperature)

    def decode(self, edges: Edges | None) -> Decode:
        """Return what finds the labels of best paths, and the posterior probability of each."""
        return partial(_decode, self, self.lattice(edges))

    def decisions(self, sentence: Sentence) -> Sequence[Hashable]:
        """List the predicted labels, one a token."""
        return (sentence.prediction or self.empty).columns[self.column]

    def rows(self, sentence: PredictedSentence) -> Iterable[tuple[int | str | float, ...]]:
        """List the label of each token."""
        labels = sentence.column(self.column)
        scores = sentence.prediction.column_scores[self.column]
        return (
            (start, end, label, score)
            for (start, end), label, score in zip(sentence.offsets, labels, scores, strict=True)
        )

    @property
    def metric(self) -> str:
        """The name of the main score."""
        return "accuracy"

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute the share of tokens whose label is right."""
        from ner.evaluation.label_metrics import accuracy

        return accuracy(
            [label for s in gold for label in s.columns[self.column]],
            [label for s in predicted for label in s.column(self.column)],
        )

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known: Known = NOTHING_KNOWN,
    ) -> "Report":
        """Compute all scores, also on the words that the training data lack."""
        from ner.evaluation.label_metrics import evaluate_column

        return evaluate_column(gold, predicted, self.column, name, known.words)

    def count_units(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        unit: Unit | None = None,
    ) -> "UnitCounts":
        """Count right, predicted and gold labels of each sentence or document."""
        from ner.evaluation.unit_counts import count_units, documents_of

        return count_units(
            [enumerate(s.columns[self.column]) for s in gold],
            [enumerate(s.column(self.column)) for s in predicted],
            documents_of(gold),
            unit=unit,
            metric=self.metric,
        )

    def count_labels(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Count the gold labels of tokens."""
        return Counter(label for s in sentences for label in s.columns[self.column])

    def with_spans(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Return sentences in which each token is a span with its label."""
        return [self._with_spans(sentence) for sentence in sentences]

    def _with_spans(self, sentence: Sentence) -> Sentence:
        changes: dict[str, Any] = {"spans": _token_spans(sentence.columns[self.column])}
        if sentence.prediction is not None:
            spans = _token_spans(sentence.prediction.columns[self.column])
            scores = sentence.prediction.column_scores.get(self.column, ())
            changes["prediction"] = Prediction(spans, scores)
        return sentence.replace(**changes)

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn the most frequent label of each word."""
        from ner.evaluation.baselines import LabelDictionary

        return LabelDictionary(train, self.column).tag


def _token_spans(labels: Iterable[str]) -> tuple[Span, ...]:
    return tuple(Span(i, i + 1, label) for i, label in enumerate(labels))


def _decode(
    task: TokenTask, lattice: TagLattice, outputs: OutputArrays, lengths: NDArray[np.int64]
) -> Sequence[Prediction]:
    return [
        Prediction(
            columns={task.column: tuple(lattice.tags[tag] for tag in path)},
            column_scores={task.column: scores},
        )
        for path, scores in lattice.decode(task.emissions(outputs), lengths)
    ]
