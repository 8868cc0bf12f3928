"""Labelled spans of tokens, such as named entities and chunks."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ner.choices import Unit
from ner.crf.forward_backward import Edges, Scores
from ner.crf.span_lattice import SpanLattice
from ner.data.partial import allowed_labels, allowed_table, weight_table
from ner.data.schemes import Scheme, tag_set, tags_from_spans
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import DataError
from ner.features.arrays import OutputArrays
from ner.schema import SchemaError, Table, one_of, strings
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


def _has_label(tag: str) -> bool:
    return tag == "O" or len(tag) > len("B-")


LABELS = Table(
    {
        "scheme": one_of(("BIO", "BIOES")),
        "tags": strings(" with labels", _has_label),
        "temperature": temperature_rule,
    },
    required=("scheme", "tags"),
)


@dataclass(frozen=True)
class SpanTask:
    """Find spans, which the network sees as tags of a scheme.

    Args:
        tags: The tags, O among them.
        scheme: The scheme of the tags.
        temperature: The number that divides all scores before they become probabilities. The best
            path does not depend on it.
    """

    name: ClassVar[str] = "ner"
    verb: ClassVar[str] = "tag"
    noun: ClassVar[str] = "tagger"
    does: ClassVar[str] = "finds spans"
    is_per_token: ClassVar[bool] = True
    finds_spans: ClassVar[bool] = True
    head: ClassVar[HeadName] = "tags"
    own_settings: ClassVar[tuple[str, ...]] = (
        "head.scheme",
        "head.cost",
        "head.bonus",
        "head.ends",
        "augmentation.mentions",
        "augmentation.tokens",
        "auxiliary",
        "training.document_folds",
    )
    baseline_name: ClassVar[str] = "a dictionary of the training names"
    card: ClassVar[Card] = Card(
        "Named-entity tagger",
        'model.tag("Some text.").entities',
        "The score of an entity is the exact posterior probability of the labelled span under the "
        "model, calibrated on the development data by one temperature.",
    )
    results: ClassVar[str] = "entities"
    result_fields: ClassVar[tuple[str, ...]] = ("start", "end", "label", "score")
    tags: tuple[str, ...]
    scheme: Scheme
    temperature: float = 1.0

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Build the task that a configuration asks for, with the tag O alone."""
        return cls(("O",), settings["head"]["scheme"])

    def settings(self) -> dict[str, Any]:
        """Return the task and the scheme."""
        return {"task": self.name, "head.scheme": self.scheme}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            SchemaError: It holds no tags of a scheme, or no positive temperature.
        """
        LABELS.check(facts, "labels.json: ")
        tags, scheme = facts["tags"], facts["scheme"]
        check_tag_count(tags, "labels.json")
        known = {"O", *tag_set({tag[2:] for tag in tags if tag != "O"}, scheme)}
        if "O" not in tags or not known.issuperset(tags):
            raise SchemaError(f"labels.json: tags must be those of {scheme}, O among them.")
        return cls(tuple(tags), scheme, float(facts.get("temperature", 1.0)))

    def to_dict(self) -> dict[str, Any]:
        """Return the scheme, the tags and the temperature."""
        return {
            "scheme": self.scheme,
            "tags": list(self.tags),
            "temperature": self.temperature,
        }

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tags, which the network scores (C)."""
        return self.tags

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of spans."""
        return tuple(dict.fromkeys(tag[2:] for tag in self.tags if tag != "O"))

    @property
    def column(self) -> None:
        """Spans are no column of labels."""
        return

    @property
    def head_options(self) -> dict[str, Any]:
        """The scheme, which says which steps between tags are legal."""
        return {"scheme": self.scheme}

    @property
    def empty(self) -> Prediction:
        """The prediction for a sentence without tokens: no spans."""
        return Prediction(())

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data.

        Raises:
            DataError: There are no labels, neither new nor old ones; or too many of them.
        """
        new = sorted(set(self.count_labels(sentences)).difference(self.labels))
        if not new and not self.labels:
            raise DataError("train: some entities to learn from. Got none.")
        tags = (*self.tags, *tag_set(new, self.scheme)[1:])
        check_tag_count(tags, "train")
        return type(self)(tags, self.scheme)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the same tags with other labels."""
        tags = (tag[:2] + names.get(tag[2:], tag[2:]) if tag != "O" else tag for tag in self.tags)
        return replace(self, tags=tuple(tags))

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence without spans; partial annotation is for training."""
        if sentence.spans is None and (sentence.allowed is None or split != "train"):
            kind = "partial ones" if sentence.allowed else "none"
            hint = " Labels of texts are learned with --task classify." if sentence.labels else ""
            raise DataError(
                f"{sentence.source or split}: {split} data must have tags. Got {kind}.{hint}"
            )

    def gold(
        self, sentences: Sequence[Sentence], *, is_partial: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Return the `tags` of all tokens end to end (N), or which tags each may have (N C).

        It is the latter where a sentence leaves a tag open, or other sentences of the corpus do.
        Where tags have weights, it is their logarithm, and -inf for other tags.

        Raises:
            DataError: No legal sequence of tags is left for a sentence; with file and line.
        """
        ids = {tag: i for i, tag in enumerate(self.tags)}
        tags = [
            ids[tag]
            for s in sentences
            for tag in tags_from_spans(s.spans or (), len(s), self.scheme)
        ]
        if not is_partial and all(s.allowed is None for s in sentences):
            return {"tags": np.array(tags, dtype=np.int64)}
        table: NDArray[Any] = np.eye(len(self.tags), dtype=bool)[tags]
        is_soft = any(s.allowed_weights is not None for s in sentences)
        if is_soft:
            table = log_weights(table)
        start = 0
        for s in sentences:
            if s.allowed is not None:
                rows = self._allowed(s)
                if is_soft and s.allowed_weights is None:
                    rows = log_weights(rows)
                table[start : start + len(s)] = rows
            start += len(s)
        return {"tags": table}

    def _allowed(self, sentence: Sentence) -> NDArray[Any]:
        allowed, weights = sentence.allowed or (), sentence.allowed_weights
        try:
            if weights is None:
                return allowed_table(allowed, self.tags, self.scheme)
            return weight_table(allowed, weights, self.tags, self.scheme)
        except ValueError as error:
            raise DataError(f"{sentence.source or 'train'}: {error}") from None

    def lattice(self, edges: Edges | None) -> SpanLattice:
        """Return the legal paths; without learnt scores of steps all of them score zero.

        It takes the scores of `emissions`.
        """
        scores = divided_edges(edges, len(self.tags), self.temperature)
        return SpanLattice(*scores, self.tags, self.scheme)

    def emissions(self, outputs: OutputArrays) -> Scores:
        """Return the scores of tags (B T C), divided by the temperature."""
        return divided(outputs["emissions"], self.temperature)

    def decode(self, edges: Edges | None) -> Decode:
        """Return what finds the spans of best paths, and the posterior probability of each."""
        return partial(_decode, self, self.lattice(edges))

    def decisions(self, sentence: Sentence) -> Sequence[Hashable]:
        """List the predicted tags, one a token, in the scheme BIO."""
        prediction = sentence.prediction or self.empty
        return tags_from_spans(prediction.spans or (), len(sentence), "BIO")

    def rows(self, sentence: PredictedSentence) -> Iterable[tuple[int | str | float, ...]]:
        """List the predicted entities in the order of the text."""
        return ((e.start, e.end, e.label, e.score) for e in sentence.entities)

    @property
    def metric(self) -> str:
        """The name of the main score."""
        return "f1"

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute F1 over all spans, as seqeval does by default."""
        from ner.evaluation.span_metrics import f1

        return f1([s.spans or () for s in gold], [s.found_spans or () for s in predicted])

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known: Known = NOTHING_KNOWN,
    ) -> "Report":
        """Compute all scores; of what is known, the surfaces are used."""
        from ner.evaluation.span_metrics import evaluate_sentences

        return evaluate_sentences(gold, predicted, name, known.surfaces)

    def count_units(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        unit: Unit | None = None,
    ) -> "UnitCounts":
        """Count right, predicted and gold spans of each sentence or document."""
        from ner.evaluation.unit_counts import count_units, documents_of

        return count_units(
            [s.spans or () for s in gold],
            [s.found_spans or () for s in predicted],
            documents_of(gold),
            unit=unit,
            metric=self.metric,
        )

    def count_labels(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Count the types of gold spans, and those that partial annotation allows."""
        counts: Counter[str] = Counter()
        for sentence in sentences:
            counts.update(span.label for span in sentence.spans or ())
            counts.update(allowed_labels(sentence.allowed or ()))
        return counts

    def with_spans(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Return the sentences as they are."""
        return list(sentences)

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn the names in the training sentences by heart."""
        from ner.evaluation.baselines import NameDictionary

        return NameDictionary(train).tag


def log_weights(allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the log weights of tags that are allowed or not: 0 or -inf."""
    return np.where(allowed, np.float32(0), np.float32(-np.inf))


def _decode(
    task: SpanTask, lattice: SpanLattice, outputs: OutputArrays, lengths: NDArray[np.int64]
) -> Sequence[Prediction]:
    return [Prediction(*found) for found in lattice.decode(task.emissions(outputs), lengths)]
