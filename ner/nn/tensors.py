"""The tensors of a batch, as the network reads them, and its outputs.

They are the arrays of `ner.features.arrays`, which explains their meaning and their axes, with all
integers as int64.
"""

from typing import Required, TypedDict

from jaxtyping import Bool, Float, Int
from torch import Tensor


class WordTensors(TypedDict, total=False):
    """Everything that depends on a word alone, see `WordArrays`."""

    words: Int[Tensor, " U"]
    characters: Int[Tensor, "U W"]
    shapes: Int[Tensor, " U"]
    affixes: Int[Tensor, "U 5"]
    vectors: Float[Tensor, "U E"]


class SubwordTensors(TypedDict, total=False):
    """What a transformer reads, see `SubwordArrays`."""

    pieces: Int[Tensor, "M S"]
    piece_lengths: Int[Tensor, " M"]
    windows: Int[Tensor, " B"]
    places: Int[Tensor, " P"]
    first_places: Int[Tensor, "B T"]
    keys: Int[Tensor, "B 2"]


class BatchTensors(WordTensors, SubwordTensors, total=False):
    """A batch of sentences, see `BatchArrays`."""

    lengths: Required[Int[Tensor, " B"]]
    tokens: Required[Int[Tensor, "B T"]]
    rows: Float[Tensor, "R E"]
    columns: Int[Tensor, "B T K"]
    bigrams: Int[Tensor, "B T 2"]
    sentence_ids: Int[Tensor, "B T"]
    tags: Int[Tensor, "B T"] | Bool[Tensor, "B T C"]
    classes: Int[Tensor, " B"] | Bool[Tensor, "B C"]


class OutputTensors(TypedDict, total=False):
    """What the network computes for a batch, see `OutputArrays`."""

    emissions: Float[Tensor, "B T C"]
    logits: Float[Tensor, "B C"]
    attention: Float[Tensor, "B K T"]
