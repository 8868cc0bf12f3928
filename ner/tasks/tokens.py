"""One label a token, without prefixes, such as its part of speech: a named column."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.crf.lattice import TagLattice
from ner.data.sentence import Prediction, Sentence
from ner.errors import DataError
from ner.evaluation.baselines import LabelDictionary
from ner.evaluation.label_metrics import accuracy, evaluate_column
from ner.evaluation.report import Report
from ner.features.featurizer import Arrays
from ner.tasks.base import Decode, free_edges


@dataclass(frozen=True)
class TokenTask:
    """A column of labels.

    Args:
        column: Its name.
        outputs: The labels, in the order of the network's scores.
    """

    task: ClassVar[str] = "tag"
    is_per_token: ClassVar[bool] = True
    baseline_name: ClassVar[str] = "the most frequent label of each training word"
    column: str
    outputs: tuple[str, ...]

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gives."""
        if not facts["labels"]:
            raise ValueError("labels.json: at least one label")
        return cls(str(facts["column"]), tuple(facts["labels"]))

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` reads."""
        return {"column": self.column, "labels": list(self.outputs)}

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the labels."""
        return self.outputs

    @property
    def empty(self) -> Prediction:
        """Predict for a sentence without tokens."""
        return Prediction(columns={self.column: ()}, column_scores={self.column: ()})

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data."""
        new = sorted(_labels(sentences, self.column).difference(self.outputs))
        return type(self)(self.column, (*self.outputs, *new))

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence without the column."""
        if self.column not in sentence.columns:
            known = ", ".join(sentence.columns) or "none"
            raise DataError(
                f"{sentence.source or split}: {split} data must have a column {self.column!r}. "
                f"Got the columns: {known}."
            )

    def gold(self, sentences: Sequence[Sentence]) -> dict[str, NDArray[Any]]:
        """Give the labels of all tokens end to end, as `tags` (N)."""
        ids = {label: i for i, label in enumerate(self.outputs)}
        tags = [ids[label] for s in sentences for label in s.columns[self.column]]
        return {"tags": np.array(tags, dtype=np.int64)}

    def decode(self, edges: Edges | None) -> Decode:
        """Give what finds the labels of best paths, and the posterior probability of each."""
        lattice = TagLattice(*(edges or free_edges(len(self.outputs))), self.outputs)
        return partial(_decode, lattice, self.column)

    @property
    def metric(self) -> str:
        """Name the figure that counts."""
        return "accuracy"

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute the share of tokens whose label is right."""
        return accuracy(
            [label for s in gold for label in s.columns[self.column]],
            [label for s in predicted for label in s.column(self.column)],
        )

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known_words: Collection[str] | None = None,
    ) -> Report:
        """Compute all figures, also on the words that training has not shown."""
        return evaluate_column(gold, predicted, self.column, name, known_words)

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn the most frequent label of each word."""
        return LabelDictionary(train, self.column).tag


def _decode(
    lattice: TagLattice, column: str, outputs: Arrays, lengths: NDArray[np.int64]
) -> Sequence[Prediction]:
    return [
        Prediction(
            columns={column: tuple(lattice.tags[tag] for tag in path)},
            column_scores={column: scores},
        )
        for path, scores in lattice.decode(outputs["emissions"], lengths)
    ]


def _labels(sentences: Iterable[Sentence], column: str) -> set[str]:
    return {label for s in sentences for label in s.columns[column]}
