"""What every target of a model has to offer, and what several of them share."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.data.sentence import Prediction, Sentence
from ner.evaluation.report import Report
from ner.features.featurizer import Arrays

# From what a network gives for a batch, and lengths (B), to one prediction a sentence.
Decode = Callable[[Arrays, NDArray[np.int64]], Sequence[Prediction]]


@runtime_checkable
class Task(Protocol):
    """What a model predicts, and how: its names, its gold arrays, its decoding."""

    task: ClassVar[str]
    """What a configuration and a manifest call it."""
    is_per_token: ClassVar[bool]
    """Whether gold arrays have a row for each token; else for each sentence."""
    baseline_name: ClassVar[str]
    """What `baseline` is, in words."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name what the network scores (C), in its order."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Name what users can meet in a prediction."""
        ...

    @property
    def empty(self) -> Prediction:
        """Predict for a sentence without tokens."""
        ...

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence whose gold annotation a split cannot use.

        Raises:
            DataError: With file and line.
        """
        ...

    def gold(self, sentences: Sequence[Sentence]) -> dict[str, NDArray[Any]]:
        """Give what is to be learnt, for all tokens or sentences end to end (N)."""
        ...

    @property
    def metric(self) -> str:
        """Name the figure that counts: between 0 and 1, higher is better."""
        ...

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute `metric` alone, as fast as possible."""
        ...

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known_words: Collection[str] | None = None,
    ) -> Report:
        """Compute all figures.

        Args:
            gold: Annotated sentences.
            predicted: The same sentences in the same order, with `prediction`.
            name: What to call the data in the report.
            known_words: The words that training has shown; None if that is not known.
        """
        ...

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn from training sentences what any model must beat; returns what predicts."""
        ...

    def decode(self, edges: Edges | None) -> Decode:
        """Give what turns outputs of the network into predictions.

        Args:
            edges: The learnt scores of steps between tags, where there are any.
        """
        ...

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Give what `read_task` needs."""
        ...


def free_edges(count: int) -> Edges:
    """All steps between tags score zero."""
    return Edges(np.zeros(count), np.zeros((count, count)), np.zeros(count))


class Runtime(Protocol):
    """Runs the network. Its methods may be called from several threads at once."""

    edges: Edges | None
    """The learnt scores of steps between tags, if there are any."""
    workers: int
    """How many batches are best run side by side."""

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, given as `Featurizer.encode_words` does."""
        ...

    def outputs(self, batch: Arrays) -> Arrays:
        """Give what a target decodes, for a batch of `TaggingBatches`."""
        ...
