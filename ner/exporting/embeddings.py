"""Embeddings as nodes of a graph, one function for each module of `ner.nn.embeddings`.

Embeddings of words give a vector for each distinct word (U E). Embeddings of tokens, which depend
on columns or on neighbours, give one for each token, with the tokens first (T B E).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ner.exporting.encoders import run_directions
from ner.exporting.graph import LOWEST, GraphBuilder, to_numpy
from ner.exporting.layers import as_column, slice_axis, swap_axes
from ner.features.word_features import PADDING
from ner.inference.onnx_transformer import CONTEXTUAL
from ner.nn.embeddings import (
    AffixEmbedding,
    BigramEmbedding,
    CharacterCNN,
    CharacterLSTM,
    ColumnEmbedding,
    ShapeEmbedding,
    WordEmbedding,
)
from ner.nn.transformer import Transformer


def word_embedding(graph: GraphBuilder, module: WordEmbedding) -> str:
    """Look up the row of each word, or take its own vector where the row is -1."""
    words = graph.input("words")
    # For the operator, row -1 is the last one. Its value is replaced below.
    rows = graph.rows(module.table.weight, words)
    if not graph.offers("vectors"):
        return rows
    is_known = graph.node("GreaterOrEqual", words, graph.constant(np.array(0, dtype=np.int32)))
    return graph.node("Where", as_column(graph, is_known), rows, graph.input("vectors"))


def character_cnn(graph: GraphBuilder, module: CharacterCNN) -> str:
    """Add up, for each window, what its characters contribute to each filter, as the module does.

    The contribution of padding in the middle of a window is so low that the window never wins.
    """
    characters = graph.input("characters")
    tables = _copied_tables(graph, module) if graph.has_copies else _stored_tables(graph, module)
    middle = len(tables) // 2
    padding = graph.integers(0, middle, 0, middle)
    padded = graph.node("Pad", characters, padding) if middle else characters
    scores: list[str] = []
    for place, table in enumerate(tables):
        at_place = characters
        if place != middle:
            # Counted back from the last column, or up to it.
            end = place - 2 * middle or np.iinfo(np.int64).max
            at_place = slice_axis(graph, padded, place, end, axis=1)
        scores.append(graph.node("Gather", table, at_place))
    total = graph.node("Sum", *scores) if middle else scores[0]
    return graph.node("Relu", graph.node("ReduceMax", total, axes=[1], keepdims=0))


def _copied_tables(graph: GraphBuilder, module: CharacterCNN) -> list[str]:
    """Keep in the graph, for each place of a window, the contribution of each character (R F)."""
    weight, bias = to_numpy(module.convolution.weight), module.convolution.bias
    assert bias is not None
    # Axes: place in the window x character x filter.
    tables = np.einsum("rs,fsk->krf", to_numpy(module.table.weight), weight)
    middle = len(tables) // 2
    tables[middle] += to_numpy(bias)
    tables[middle, PADDING] = LOWEST
    return [graph.constant(table) for table in tables]


def _stored_tables(graph: GraphBuilder, module: CharacterCNN) -> list[str]:
    """Compute the same from the file of weights when the graph is loaded."""
    weight, bias = to_numpy(module.convolution.weight), module.convolution.bias
    assert bias is not None
    vectors = graph.weights(module.table.weight)
    # Axes: place in the window x number of a character's vector x filter.
    filters = weight.transpose(2, 1, 0)
    tables = [graph.node("MatMul", vectors, graph.constant(each)) for each in filters]
    middle = len(tables) // 2
    sums = graph.node("Add", tables[middle], graph.constant(to_numpy(bias)))
    others = slice_axis(graph, sums, PADDING + 1, np.iinfo(np.int64).max, axis=0)
    lowest = graph.constant(np.full((1, len(weight)), LOWEST, dtype=np.float32))
    tables[middle] = graph.concatenate([lowest, others], axis=0)
    return tables


def character_lstm(graph: GraphBuilder, module: CharacterLSTM) -> str:
    """Read the characters of each word in both directions, and join the last states."""
    characters = graph.input("characters")
    ones = graph.node("Min", characters, graph.constant(np.array(1, dtype=np.int32)))
    lengths = graph.node("ReduceSum", ones, graph.integers(1), keepdims=0)
    # The operator reads the characters first, then the words.
    turned = graph.node("Transpose", characters, perm=[1, 0])
    embedded = graph.rows(module.table.weight, turned)
    layers = [module.forwards, module.backwards]
    _, states, *_ = run_directions(graph, layers, embedded, lengths)
    # Axes: word (U) x direction x state.
    return graph.node("Flatten", graph.node("Transpose", states, perm=[1, 0, 2]))


def shape_embedding(graph: GraphBuilder, module: ShapeEmbedding) -> str:
    """Look up the row of each word's shape."""
    return graph.rows(module.table.weight, graph.input("shapes"))


def affix_embedding(graph: GraphBuilder, module: AffixEmbedding) -> str:
    """Look up the rows of each word's affixes, and join them."""
    rows = graph.rows(module.table.weight, graph.input("affixes"))
    return graph.node("Flatten", rows)


def column_embedding(graph: GraphBuilder, module: ColumnEmbedding) -> str:
    """Look up the rows of each token's columns in one table, and join them."""
    tables = [to_numpy(table) for table in module.tables.parameters()]
    first_rows = np.cumsum([0, *map(len, tables[:-1])]).astype(np.int32)
    rows = graph.node("Add", graph.input("columns"), graph.constant(first_rows))
    table = graph.constant(np.concatenate(tables))
    vectors = graph.node("Gather", table, swap_axes(graph, rows))
    return graph.node("Reshape", vectors, graph.integers(0, 0, module.size))


def bigram_embedding(graph: GraphBuilder, module: BigramEmbedding) -> str:
    """Look up the rows of each token's pairs with its neighbours, and join them."""
    vectors = graph.rows(module.table.weight, swap_axes(graph, graph.input("bigrams")))
    return graph.node("Reshape", vectors, graph.integers(0, 0, module.size))


def transformer_embedding(graph: GraphBuilder, module: Transformer) -> str:
    """Read the vectors that the graph of the pretrained encoder has computed."""
    return swap_axes(graph, graph.input(CONTEXTUAL))


WORD_EMBEDDINGS: dict[type[nn.Module], Callable[[GraphBuilder, Any], str]] = {
    WordEmbedding: word_embedding,
    CharacterCNN: character_cnn,
    CharacterLSTM: character_lstm,
    ShapeEmbedding: shape_embedding,
    AffixEmbedding: affix_embedding,
}

TOKEN_EMBEDDINGS: dict[type[nn.Module], Callable[[GraphBuilder, Any], str]] = {
    ColumnEmbedding: column_embedding,
    BigramEmbedding: bigram_embedding,
    Transformer: transformer_embedding,
}
