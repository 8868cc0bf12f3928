"""The tensors that a network reads and computes, and what padding needs: masks and reversal.

The tensors are the arrays of `ner.features.arrays`, which explains their meaning and their axes,
with all integers as int64.
"""

from typing import Required, TypedDict

import torch
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
    tags: Int[Tensor, "B T"] | Bool[Tensor, "B T C"] | Float[Tensor, "B T C"]
    auxiliary: Int[Tensor, "B T K"]
    classes: Int[Tensor, " B"] | Bool[Tensor, "B C"]
    sentence_weights: Float[Tensor, " B"]
    teacher_weights: Float[Tensor, " B"]
    teacher_tags: Float[Tensor, "B T C"]
    teacher_steps: Float[Tensor, "B C C"]


class OutputTensors(TypedDict, total=False):
    """What the network computes for a batch, see `OutputArrays`."""

    emissions: Float[Tensor, "B T C"]
    logits: Float[Tensor, "B C"]
    attention: Float[Tensor, "B K T"]


def length_mask(lengths: Int[Tensor, " B"], longest: int) -> Bool[Tensor, "B T"]:
    """Return a mask that is True on the tokens of each sentence, and False on padding.

    Args:
        lengths: Tokens of each sentence.
        longest: T.
    """
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def reverse(x: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T F"]:
    """Reverse each sequence within its own length; padding stays where it is."""
    positions = torch.arange(x.shape[1], device=x.device)
    reversed_positions = lengths[:, None] - 1 - positions
    index = torch.where(reversed_positions >= 0, reversed_positions, positions)
    # Selecting rows of a matrix is several times as fast as a gather along an axis.
    rows = index + x.shape[1] * torch.arange(len(x), device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)
