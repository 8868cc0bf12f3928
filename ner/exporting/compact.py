"""Compact models: vectors and large matrices in eight bits, and one copy of each.

The rows of training words move into the store of vectors, so that one file holds all words. Private
data, such as addresses of mail and numbers of telephones, are left out. The numbers are computed
with in single precision, as before.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ner.data.sentence import Sentence
from ner.exporting.int8 import share_of_changes
from ner.features.int8_rows import rounded
from ner.features.made_up import make_sentences
from ner.features.vectors import LONGEST_COMPACT, VectorStore
from ner.features.vocabulary import UNKNOWN, WordVocabulary
from ner.files import folder_size
from ner.inference.batching import predict
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import ModelFolder
from ner.nn.runtime import TorchRuntime, load_network

WORD_TABLE = "embedder.word_parts.words.table.weight"

# Addresses of the web, of mail and of people, and numbers as long as those of telephones. Digits
# that are all written as 0 tell nothing.
PRIVATE = re.compile(
    r"\w+://|www\.|[\w-]+\.(?:com|org|net|ly|co|me|gd)/"
    r"|\S*@\w"
    r"|[+(]?(?=.*[1-9])\d(?:[-. ()/]*\d){6}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CompactCost:
    """What compact storage costs on some sentences; all shares are from 0 to 1.

    Args:
        metric: The figure that is compared, such as f1.
        before: Its value before; None where sentences are made up.
        after: Its value in the compact model; None likewise.
        changed: Share of tags, or classes, that differ.
        words_left_out: The number of words that were left out.
        bytes_before: The size of the folder before.
        bytes_after: Its size afterwards.
    """

    metric: str
    before: float | None
    after: float | None
    changed: float
    words_left_out: int
    bytes_before: int
    bytes_after: int

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            scores = "On random words:"
        else:
            name = "F1" if self.metric == "f1" else "Accuracy"
            scores = f"{name}: {100 * self.after:.2f}, before: {100 * self.before:.2f}."
        return (
            f"{scores} Tags that change: {100 * self.changed:.3f} %. "
            f"Words left out: {self.words_left_out:,}. "
            f"Size: {self.bytes_after / 1e6:.1f} MB, before: {self.bytes_before / 1e6:.1f} MB."
        )


def is_private(word: str) -> bool:
    """Whether a word may tell who or where somebody is.

    >>> [is_private(w) for w in ("http://t.co/x1", "@ada", "ada@example.org", "020-7946-0018")]
    [True, True, True, True]
    >>> [is_private(w) for w in ("London", "@", "1,204.50", "000-0000-0000", "2026")]
    [False, False, False, False, False]
    """
    return PRIVATE.match(word) is not None


def compacted(model: ModelFolder, leave_out: Collection[str] = ()) -> ModelFolder:
    """Return a model as it is after compact storage.

    Args:
        model: The model.
        leave_out: Words that are left out beside private ones. They become unknown words.
    """
    if model.compact:
        return model
    featurizer, weights = model.featurizer, dict(model.weights)
    if WORD_TABLE in weights:
        table = weights[WORD_TABLE]
        words, matrix = list(featurizer.words.entries), table[UNKNOWN + 1 :]
        store = featurizer.vectors
        if store is not None:
            words += store.words
            matrix = np.concatenate([matrix, store.rows(np.arange(len(store)))])
        # Of two vectors of a word, the trained one counts.
        rows = {
            word: row for row, word in reversed(list(enumerate(words))) if keep(word, leave_out)
        }
        store = VectorStore.compact(list(rows), matrix[list(rows.values())])
        weights[WORD_TABLE] = table[: UNKNOWN + 1]
        featurizer = replace(
            featurizer, words=WordVocabulary((), featurizer.words.lowercase), vectors=store
        )
    weights = {name: rounded(array) for name, array in weights.items()}
    return replace(model, featurizer=featurizer, weights=weights, compact=True)


def keep(word: str, leave_out: Collection[str]) -> bool:
    """Whether a compact model keeps the vector of a word."""
    is_long = len(word.encode("utf-8", "surrogatepass")) > LONGEST_COMPACT
    return not (is_long or word in leave_out or is_private(word))


def measure_compact(
    folder: Path,
    model: ModelFolder,
    small: ModelFolder,
    sentences: Sequence[Sentence] | None,
    bytes_before: int,
) -> CompactCost:
    """Compare a compact model with the model that it was made of.

    Args:
        folder: The folder of the compact model, with its graphs.
        model: The model that it was made of.
        small: The compact model.
        sentences: Annotated sentences. By default some are made up.
        bytes_before: The size of the folder of the model.
    """
    task, is_gold = model.task, sentences is not None
    if sentences is None:
        sentences = make_sentences(model.featurizer)
    full = TorchRuntime(load_network(model))
    exact = predict(full, model.featurizer, task, sentences)
    onnx = OnnxRuntime(folder, task, threads=1)
    found = predict(onnx, small.featurizer, task, sentences)
    return CompactCost(
        metric=task.metric,
        before=task.score(sentences, exact) if is_gold else None,
        after=task.score(sentences, found) if is_gold else None,
        changed=share_of_changes(task, exact, found),
        words_left_out=num_words(model) - num_words(small),
        bytes_before=bytes_before,
        bytes_after=folder_size(folder),
    )


def num_words(model: ModelFolder) -> int:
    """Count the words that have a vector."""
    store = model.featurizer.vectors
    return len(model.featurizer.words.entries) + (0 if store is None else len(store))
