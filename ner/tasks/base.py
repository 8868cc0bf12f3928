"""What every task answers, so that the rest of the package asks it and never branches on it."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    runtime_checkable,
)

import numpy as np
from numpy.typing import NDArray

from ner.choices import Unit
from ner.crf.forward_backward import Edges, Scores
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import DataError
from ner.features.arrays import BatchArrays, Floats, OutputArrays, WordArrays
from ner.schema import number

if TYPE_CHECKING:
    # Reports are imported where they are made: a model that only predicts starts without them.
    from ner.evaluation.report import Report
    from ner.evaluation.surfaces import SurfaceCounts
    from ner.evaluation.unit_counts import UnitCounts

# Takes the outputs of a network for a batch, and lengths (B); returns one prediction a sentence.
Decode = Callable[[OutputArrays, NDArray[np.int64]], Sequence[Prediction]]

# Tags of spans or of tokens at most. A table of the scores of all their pairs then takes 512 MiB,
# and a model in use has a few such tables.
MOST_TAGS = 8192

# The rule of a temperature. A lower one makes every probability 0 or 1, and a higher one makes all
# probabilities equal.
temperature_rule = number(1e-6, 1e6)

# What tokens have: scores of tags, or states.
PieceOutput = Literal["emissions", "states"]

# Heads of a network: one that scores the tags of each token, one that scores classes of a text.
HeadName = Literal["tags", "classes"]


class Known(NamedTuple):
    """What is known of the training data, for reports.

    Args:
        words: Their words; None if they are not known.
        surfaces: The surfaces of their entities, with their labels; None if they are not known.
    """

    words: Collection[str] | None = None
    surfaces: "SurfaceCounts | None" = None


NOTHING_KNOWN = Known()


class Card(NamedTuple):
    """Texts of a model card that depend on the task."""

    title: str
    use: str
    scores: str


@runtime_checkable
class Task(Protocol):
    """What a model predicts: its settings, gold arrays, decoding, scores and texts."""

    name: ClassVar[str]
    """The name in a configuration and in a manifest."""
    verb: ClassVar[str]
    """The method of a predictor, and the command, that apply a model to a text."""
    noun: ClassVar[str]
    """A word for a model of this task, for messages."""
    does: ClassVar[str]
    """What a model of this task does, for messages: a verb and its object."""
    is_per_token: ClassVar[bool]
    """Whether each token has a label of its own; otherwise each sentence has labels as a whole."""
    finds_spans: ClassVar[bool]
    """Whether predictions are labelled spans."""
    head: ClassVar[HeadName]
    """The head of the network."""
    own_settings: ClassVar[tuple[str, ...]]
    """Dotted keys of settings, and names of sections, that only this and some other tasks use."""
    baseline_name: ClassVar[str]
    """A description of `baseline`."""
    card: ClassVar[Card]
    """Texts for the model card."""
    results: ClassVar[str]
    """The name of what is found in a text, as the column of a table."""
    result_fields: ClassVar[tuple[str, ...]]
    """The fields of each result in such a column, see `rows`."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Build the task that a configuration asks for; it has no labels yet.

        Args:
            settings: Sections of the configuration by name, each with its settings by name.

        Raises:
            ConfigError: A setting that the task needs is missing.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Return the settings, by dotted key, that a configuration for this task must have."""
        ...

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            SchemaError: It describes no such task.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return everything that `from_dict` needs, as JSON can hold it."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the network scores (C), in its order."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that a prediction can have."""
        ...

    @property
    def column(self) -> str | None:
        """The name of the column that is predicted, which annotated data must have; else None."""
        ...

    @property
    def head_options(self) -> dict[str, Any]:
        """The arguments of the network's head that the task decides."""
        ...

    @property
    def empty(self) -> Prediction:
        """The prediction for a sentence without tokens."""
        ...

    def check(self, sentence: Sentence, split: str) -> None:
        """Refuse a sentence whose gold annotation a split cannot use.

        Raises:
            DataError: With file and line.
        """
        ...

    def gold(
        self, sentences: Sequence[Sentence], *, is_partial: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Return what the network learns, for all tokens or sentences end to end (N).

        Args:
            sentences: Annotated sentences, which `check` accepts.
            is_partial: Whether other sentences of the same corpus leave tags open, so that the
                arrays must have the form of a partial annotation.
        """
        ...

    @property
    def metric(self) -> str:
        """The name of the main score, which is between 0 and 1; higher is better."""
        ...

    def score(self, gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
        """Compute `metric` alone, which is faster than `report`."""
        ...

    def report(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        name: str = "",
        known: Known = NOTHING_KNOWN,
    ) -> "Report":
        """Compute all scores.

        Args:
            gold: Annotated sentences.
            predicted: The same sentences in the same order, with `prediction`.
            name: The name of the data, for the report.
            known: What training data say.
        """
        ...

    def count_units(
        self,
        gold: Sequence[Sentence],
        predicted: Sequence[Sentence],
        unit: Unit | None = None,
    ) -> "UnitCounts":
        """Count what is right in each sentence or document, for intervals of `metric`.

        Args:
            gold: Annotated sentences.
            predicted: The same sentences in the same order, with `prediction`.
            unit: What is counted together; by default as `choose_unit` says.

        Raises:
            ConfigError: The unit is a document, and the corpus has none.
        """
        ...

    def baseline(self, train: Iterable[Sentence]) -> Callable[[Sentence], Sentence]:
        """Learn a simple rule that any model must beat; returns a function that predicts."""
        ...

    def decode(self, edges: Edges | None) -> Decode:
        """Return a function that turns outputs of the network into predictions.

        Args:
            edges: The learnt scores of steps between tags, where there are any.
        """
        ...

    def decisions(self, sentence: Sentence) -> Sequence[Hashable]:
        """List what was predicted: one item a token, or one for the whole sentence."""
        ...

    def rows(self, sentence: PredictedSentence) -> Iterable[tuple[int | str | float, ...]]:
        """List what was predicted for a text, each result as its `result_fields`.

        `start` and `end` count characters of the text, and `score` is a probability.
        """
        ...

    def count_labels(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """Count the gold labels of sentences: of spans, of tokens or of texts."""
        ...

    def with_spans(self, sentences: Iterable[Sentence]) -> list[Sentence]:
        """Return sentences whose labels, gold and predicted ones, are spans, to list errors of.

        Raises:
            TaskError: A text may have several labels, which spans of a text cannot be.
        """
        ...

    def extended(self, sentences: Sequence[Sentence]) -> Self:
        """Append the labels of training data.

        Raises:
            DataError: There are too few labels to learn anything.
        """
        ...

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the task with other names of labels, in the same order.

        Args:
            names: New names by old ones; a label without any keeps its own.
        """
        ...


def check_tag_count(tags: Sequence[str], where: str) -> None:
    """Refuse more tags than there is memory for the scores of their pairs.

    Raises:
        DataError: There are more than `MOST_TAGS`.
    """
    count = len(tags)
    if count > MOST_TAGS:
        raise DataError(
            f"{where}: a model has at most {MOST_TAGS} tags, because each pair of tags has a score "
            f"of 8 bytes. Got {count}, whose scores would take {8 * count**2 / 2**30:.0f} GiB. "
            "Merge labels, or learn those of whole texts with --task classify."
        )


def free_edges(count: int) -> Edges:
    """Return edges on which every step between tags scores zero."""
    return Edges(np.zeros(count), np.zeros((count, count)), np.zeros(count))


def divided(scores: Scores, temperature: float) -> Scores:
    """Divide scores by a temperature: probabilities change, and the order of paths does not.

    The result is in double precision, so that rounding does not change the order either.
    """
    if temperature == 1:
        return scores
    result = scores.astype(np.float64)
    # For the few scores of a sentence, this takes half the time of dividing and converting at once.
    result /= temperature
    return result


def divided_edges(edges: Edges | None, count: int, temperature: float) -> Edges:
    """Divide the scores of steps between tags by a temperature; without any, they are zero."""
    return Edges(*(divided(each, temperature) for each in edges or free_edges(count)))


class Cut(NamedTuple):
    """How a text can be cut so that its pieces get what they get as parts of the whole text.

    Args:
        overlap: The number of tokens before and after a piece that are read with it.
        border_shape: The shape of the states that recurrent layers hand from piece to piece: layers
            (L) x parts of a state (P) x directions (D) x 1 x width (H). None without such layers.
    """

    overlap: int
    border_shape: tuple[int, ...] | None = None


class Runtime(Protocol):
    """Runs a network. Several threads may call its methods at once."""

    edges: Edges | None
    """The learnt scores of steps between tags; None if there are none."""
    workers: int
    """How many batches to run side by side for the highest speed."""
    cut: Cut | None
    """How long texts can be cut; None if pieces would not get what the whole text gets."""

    def word_rows(self, words: WordArrays) -> Floats:
        """Compute the vectors (U E) of words, which `Featurizer.encode_words` has encoded."""
        ...

    def outputs(self, batch: BatchArrays) -> OutputArrays:
        """Compute what a task decodes, for a batch of `TaggingBatches`."""
        ...

    def read_piece(
        self, batch: BatchArrays, name: PieceOutput, entering: Floats | None = None
    ) -> OutputArrays:
        """Compute one output for the tokens of a piece of a text.

        Args:
            batch: A batch of this piece alone.
            name: The output.
            entering: The states with which recurrent layers enter the piece (L P D 1 H). Those with
                which they leave it are returned too, as `leaving`. None if the piece is a text of
                its own.
        """
        ...
