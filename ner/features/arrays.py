"""The arrays on the way from sentences to predictions: their names, axes and meaning.

Axes: **B** sentences of a batch, **T** tokens of the longest of them, **U** distinct words, **W**
characters of the longest word, **E** width of a vector, **C** tags or classes, **K** columns or
heads of attention. Sub-words of a transformer: **M** windows of all sentences, **S** sub-words of
the longest window, **P** sub-words that make the vectors of tokens.

Which optional arrays there are depends on the features of a model. In arrays with a row for each
token, positions past the end of a sentence are padding: they hold a valid index, and are ignored.
"""

from collections.abc import Mapping
from typing import Any, Required, TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

# Arrays by name, where the names do not matter: rows are only picked, copied or put end to end.
Arrays = Mapping[str, NDArray[Any]]
Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.float32]
AnyArrays = TypeVar("AnyArrays", bound=Mapping[str, Any])


class WordArrays(TypedDict, total=False):
    """Everything that depends on a word alone, with a row for each of U words."""

    words: Integers
    """(U) Row in the table of trained vectors: 0 for unknown words, -1 for words with a vector of
    their own in `vectors`."""
    substitutes: Integers
    """(U) Row that the word would have if rare words were unknown; in training only."""
    characters: Integers
    """(U W) Rows in the table of characters, with marks at both ends of the word, padded with 0."""
    shapes: Integers
    """(U) Index of the word's shape, see `ner.features.word_features.SHAPES`."""
    affixes: Integers
    """(U 5) Rows that the first and last letters of the word are hashed to."""
    vectors: Floats
    """(U E) Vectors of the words whose row is -1, and zero for others; only if there is such a
    word."""


class SubwordArrays(TypedDict, total=False):
    """What a transformer reads; all of these arrays, or none."""

    pieces: Integers
    """(M S) Ids of the sub-words of each window, padded."""
    piece_lengths: Integers
    """(M) Sub-words of each window."""
    windows: Integers
    """(B) Windows of each sentence."""
    places: Integers
    """(P) Places in the flat `pieces` of the sub-words that make vectors of tokens, token by
    token."""
    first_places: Integers
    """(B T) Where the sub-words of a token begin in `places`."""
    keys: Integers
    """(B 2) A digest: two sentences have the same keys only if their windows are the same."""


class BatchArrays(WordArrays, SubwordArrays, total=False):
    """A batch of sentences for the network.

    In training there are the arrays of its distinct words and the gold annotation. In tagging there
    are ready vectors of words instead: `rows`.
    """

    lengths: Required[NDArray[np.int64]]
    """(B) Tokens of each sentence, at least 1."""
    tokens: Required[Integers]
    """(B T) Row of the token's word in the arrays of words, or in `rows`."""
    rows: Floats
    """(R E) A table of word vectors, in tagging."""
    columns: Integers
    """(B T K) Row of the token's value in the table of each input column."""
    bigrams: Integers
    """(B T 2) Rows of the pairs of the token and its neighbours before and after it."""
    sentence_ids: Integers
    """(B T) Number of the token's sentence within its text, ascending."""
    tags: Integers | NDArray[np.bool_] | Floats
    """(B T) Gold tags, in training; or (B T C), bool, the tags that a token may have where the
    annotation is partial; or (B T C), float, the logarithms of their weights where it is soft."""
    auxiliary: Integers
    """(B T K) Row of the token's value in the vocabulary of each column that training learns beside
    the task; only with `auxiliary.columns`."""
    classes: Integers | NDArray[np.bool_]
    """(B) Gold classes of texts, in training; or (B C), bool, which labels hold."""
    sentence_weights: Floats
    """(B) Factor on the loss of each sentence, in training with `training.weights`."""
    teacher_weights: Floats
    """(B) Share of the teacher in the loss of each sentence, in [0, 1]; the rest is that of the
    gold annotation. This array and the next two are there if there is a teacher."""
    teacher_tags: Floats
    """(B T C) The teacher's probability of each tag at each token."""
    teacher_steps: Floats
    """(B C C) The teacher's expected number of steps from each tag to each tag."""


class OutputArrays(TypedDict, total=False):
    """What the network computes for a batch: `emissions`, `logits`, or `states` of tokens."""

    states: Floats
    """(B T H) States of the tokens."""
    leaving: Floats
    """(L P D 1 H) States with which recurrent layers leave a piece, see `ner.tasks.base.Cut`."""
    emissions: Floats
    """(B T C) Unnormalised log scores of the tags."""
    logits: Floats
    """(B C) Unnormalised log scores of the classes."""
    attention: Floats
    """(B K T) Weights of tokens, which sum to 1 and are 0 past the end; only if the pooling weighs
    tokens."""


def take_rows(arrays: AnyArrays, rows: NDArray[Any]) -> AnyArrays:
    """Copy the same rows of all arrays.

    Args:
        arrays: Arrays of the same length by name.
        rows: Indices of any shape, or bool for each row.
    """
    return cast(AnyArrays, {name: values[rows] for name, values in arrays.items()})
