"""Vectors of words as nodes of a graph; a function a module of `ner.nn.embeddings`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ner.exporting.encoders import last_states
from ner.exporting.graph import LOWEST, GraphBuilder, numbers
from ner.features.word_features import PADDING
from ner.nn.embeddings import (
    AffixEmbedding,
    CharacterCNN,
    CharacterLSTM,
    ShapeEmbedding,
    WordEmbedding,
)


def word_embedding(graph: GraphBuilder, module: WordEmbedding) -> str:
    """Take the row of a word, or its own vector where its row is -1."""
    words = graph.input("words")
    # Row -1 is the last one here, which does no harm.
    rows = graph.node("Gather", graph.table(module.table.weight), words)
    if not graph.offers("vectors"):
        return rows
    known = graph.node("GreaterOrEqual", words, graph.constant(np.array(0, dtype=np.int32)))
    # Axes: word (U) x place in the vector (1).
    column = graph.node("Unsqueeze", known, graph.constant(np.array([1])))
    return graph.node("Where", column, rows, graph.input("vectors"))


def character_cnn(graph: GraphBuilder, module: CharacterCNN) -> str:
    """Add up the rows of the characters in each window, as the module does.

    The row of padding in the middle of a window is so low that its window never wins.
    """
    characters = graph.input("characters")
    weight, bias = numbers(module.convolution.weight), module.convolution.bias
    assert bias is not None
    # Axes: place in the window x character x filter.
    tables = np.einsum("rs,fsk->krf", numbers(module.table.weight), weight)
    width = len(tables)
    middle = width // 2
    tables[middle] += numbers(bias)
    tables[middle, PADDING] = LOWEST
    padding = graph.constant(np.array([0, middle, 0, middle]))
    padded = graph.node("Pad", characters, padding) if middle else characters
    scores: list[str] = []
    for place, table in enumerate(tables):
        at = characters
        if place != middle:
            # Up to that many columns before the end; none before it is the end.
            start, behind = np.array([place]), place - 2 * middle
            end = np.array([behind or np.iinfo(np.int64).max])
            bounds = (graph.constant(each) for each in (start, end, np.array([1])))
            at = graph.node("Slice", padded, *bounds)
        scores.append(graph.node("Gather", graph.constant(table), at))
    total = graph.node("Sum", *scores) if middle else scores[0]
    return graph.node("Relu", graph.node("ReduceMax", total, axes=[1], keepdims=0))


def character_lstm(graph: GraphBuilder, module: CharacterLSTM) -> str:
    """Read the characters in both directions up to the length of each word."""
    characters = graph.input("characters")
    ones = graph.node("Min", characters, graph.constant(np.array(1, dtype=np.int32)))
    lengths = graph.node("ReduceSum", ones, graph.constant(np.array([1])), keepdims=0)
    # The operator wants time first.
    across = graph.node("Transpose", characters, perm=[1, 0])
    embedded = graph.node("Gather", graph.table(module.table.weight), across)
    return last_states(graph, module.forwards, module.backwards, embedded, lengths)


def shape_embedding(graph: GraphBuilder, module: ShapeEmbedding) -> str:
    """Take the row of a word's shape."""
    return graph.node("Gather", graph.table(module.table.weight), graph.input("shapes"))


def affix_embedding(graph: GraphBuilder, module: AffixEmbedding) -> str:
    """Take the rows of a word's affixes."""
    rows = graph.node("Gather", graph.table(module.table.weight), graph.input("affixes"))
    return graph.node("Flatten", rows)


WORD_PARTS: dict[type[nn.Module], Callable[[GraphBuilder, Any], str]] = {
    WordEmbedding: word_embedding,
    CharacterCNN: character_cnn,
    CharacterLSTM: character_lstm,
    ShapeEmbedding: shape_embedding,
    AffixEmbedding: affix_embedding,
}
