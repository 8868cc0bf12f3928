"""Count what is right in each sentence or document, so that scores can be resampled.

Each score of a report that is computed from counts is one of sums over units, which a sample of
units has as well: F1 is 2 * right / (predicted + gold), and so is the accuracy where as many items
are predicted as there are gold ones.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ner.choices import Unit
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.evaluation.scores import NONE

# Something that is right or wrong as a whole: its place in the sentence, and last its label.
Item = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class UnitCounts:
    """Counts of right, predicted and gold items.

    Args:
        unit: What a unit is.
        metric: The main score of a report on such items: "f1" or "accuracy".
        labels: The labels that are gold or predicted, in alphabetical order (L).
        counts: The counts by unit and label (U L 3), in the order right, predicted, gold.
    """

    unit: Unit
    metric: str
    labels: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def totals(self) -> NDArray[np.int64]:
        """The counts of each unit over all labels (U 3)."""
        return self.counts.sum(axis=1)

    @property
    def scored(self) -> list[int]:
        """The indices of the labels that have scores of their own."""
        return [i for i, label in enumerate(self.labels) if label != NONE]


def count_units(
    gold: Sequence[Iterable[Item]],
    predicted: Sequence[Iterable[Item]],
    documents: Sequence[str | None] = (),
    *,
    unit: Unit | None = None,
    metric: str = "f1",
) -> UnitCounts:
    """Count right, predicted and gold items of each sentence or document.

    Args:
        gold: The gold items of each sentence, such as its spans.
        predicted: The predicted items, of as many sentences.
        documents: The document of each sentence, where any is known.
        unit: What is counted together; by default as `choose_unit` says.
        metric: The main score.

    Raises:
        ConfigError: The unit is a document, and a sentence has none.

    >>> count_units([[(0, "LOC")], []], [[(0, "LOC")], [(2, "PER")]]).totals
    array([[1, 1, 1],
           [0, 1, 0]])
    """
    chosen = choose_unit(documents, unit)
    groups = group_units(documents, len(gold), chosen)
    pairs = list(zip(map(set, gold), map(set, predicted), strict=True))
    labels = sorted({item[-1] for pair in pairs for side in pair for item in side})
    index = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((max(groups, default=-1) + 1, len(labels), 3), dtype=np.int64)
    for group, (expected, found) in zip(groups, pairs, strict=True):
        for kind, items in enumerate((expected & found, found, expected)):
            for label, count in Counter(item[-1] for item in items).items():
                counts[group, index[label], kind] += count
    return UnitCounts(chosen, metric, tuple(labels), counts)


def documents_of(sentences: Iterable[Sentence]) -> list[str | None]:
    """List the document of each sentence."""
    return [sentence.document for sentence in sentences]


def choose_unit(documents: Sequence[str | None], unit: Unit | None = None) -> Unit:
    """Return the unit that is asked for, or the largest one that a corpus has several of.

    A corpus has documents if every sentence belongs to one. Sentences before the first document
    belong to one as well, because a column file may begin without its first boundary.

    Args:
        documents: The document of each sentence.
        unit: What is asked for.

    Raises:
        ConfigError: There is no such unit, or the corpus has no documents.
    """
    known_units = get_args(Unit)
    if unit is not None and unit not in known_units:
        raise ConfigError(f"unit: must be one of {', '.join(known_units)}. Got {unit!r}.")
    named = list(itertools.dropwhile(lambda document: document is None, documents))
    known = bool(named) and None not in named
    if unit == "document" and not known:
        raise ConfigError(
            "unit: documents need a corpus in which every sentence belongs to one. Got sentences "
            "without any; choose sentences."
        )
    return unit or ("document" if known and len(set(documents)) > 1 else "sentence")


def group_units(documents: Sequence[str | None], sentences: int, unit: Unit) -> list[int]:
    """Number the unit of each sentence."""
    if unit == "sentence":
        return list(range(sentences))
    numbers = {document: i for i, document in enumerate(dict.fromkeys(documents))}
    return [numbers[document] for document in documents]
