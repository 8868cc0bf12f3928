"""Labelled spans of tokens, such as named entities and chunks."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.crf.span_lattice import SpanLattice
from ner.data.partial import allowed_labels, allowed_table
from ner.data.schemes import PREFIXES, Scheme, normalize_tag, tag_set, tags_from_spans
from ner.data.sentence import Prediction, Sentence
from ner.errors import DataError
from ner.evaluation.baselines import NameDictionary
from ner.evaluation.report import Report
from ner.evaluation.span_metrics import evaluate_sentences, f1
from ner.features.featurizer import Arrays
from ner.tasks.base import Decode, free_edges


@dataclass(frozen=True)
class SpanTask:
    """Spans, as tags of a scheme.

    Args:
        tags: The tags, O among them.
        scheme: Of the tags.
    """

    task: ClassVar[str] = "ner"
    is_per_token: ClassVar[bool] = True
    baseline_name: ClassVar[str] = "a dictionary of the training names"
    tags: tuple[str, ...]
    scheme: Scheme

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gives."""
        tags, scheme = facts["tags"], facts["scheme"]
        if "O" not in map(normalize_tag, tags) or scheme not in PREFIXES:
            raise ValueError("labels.json: the tags of a scheme, O among them")
        return cls(tuple(tags), scheme)

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` reads."""
        return {"scheme": self.scheme, "tags": list(self.tags)}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name what the network scores (C)."""
        return self.tags

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the types of spans."""
        return tuple(dict.fromkeys(tag[2:] for tag in self.tags if tag != "O"))

    @property
    def empty(self) -> Prediction:
        """Predict for a sentence without tokens."""
        return Prediction(())

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data.

        Raises:
            DataError: There are none, here or before.
        """
        new = sorted(_labels(sentences).difference(self.labels))
        if not new and not self.labels:
            raise DataError("train: some entities to learn from. Got none.")
        return type(self)((*self.tags, *tag_set(new, self.scheme)[1:]), self.scheme)

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence without spans; partial annotation is for training."""
        if sentence.spans is None and (sentence.allowed is None or split != "train"):
            kind = "partial ones" if sentence.allowed else "none"
            raise DataError(f"{sentence.source or split}: {split} data must have tags. Got {kind}.")

    def gold(self, sentences: Sequence[Sentence]) -> dict[str, NDArray[Any]]:
        """Give the `tags` of all tokens end to end (N), or what each token may be (N C).

        The latter where some sentence leaves a tag open.
        """
        ids = {tag: i for i, tag in enumerate(self.tags)}
        tags = [
            ids[tag]
            for s in sentences
            for tag in tags_from_spans(s.spans or (), len(s), self.scheme)
        ]
        if all(s.allowed is None for s in sentences):
            return {"tags": np.array(tags, dtype=np.int64)}
        table = np.eye(len(self.tags), dtype=bool)[tags]
        start = 0
        for s in sentences:
            if s.allowed is not None:
                table[start : start + len(s)] = allowed_table(s.allowed, self.tags, self.scheme)
            start += len(s)
        return {"tags": table}

    def lattice(self, edges: Edges | None) -> SpanLattice:
        """Give the legal paths; without learnt scores of steps all of them score zero."""
        return SpanLattice(*(edges or free_edges(len(self.tags))), self.tags, self.scheme)

    def decode(self, edges: Edges | None) -> Decode:
        """Give what finds the spans of best paths, and the posterior probability of each."""
        return partial(_decode, self.lattice(edges))

    @property
    def metric(self) -> str:
        """Name the figure that counts."""
        return "f1"

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute F1 over all spans, as seqeval does by default."""
        return f1([s.spans or () for s in gold], [s.found_spans or () for s in predicted])

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known_words: Collection[str] | None = None,
    ) -> Report:
        """Compute all figures; which words training has shown plays no part."""
        return evaluate_sentences(gold, predicted, name)

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn the names of the training sentences by heart."""
        return NameDictionary(train).tag


def _decode(
    lattice: SpanLattice, outputs: Arrays, lengths: NDArray[np.int64]
) -> Sequence[Prediction]:
    return [Prediction(*found) for found in lattice.decode(outputs["emissions"], lengths)]


def _labels(sentences: Iterable[Sentence]) -> set[str]:
    labels = {span.label for s in sentences for span in s.spans or ()}
    return labels | {label for s in sentences for label in allowed_labels(s.allowed or ())}
