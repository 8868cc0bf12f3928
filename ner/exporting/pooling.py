"""Poolings as nodes of a graph, one function for each module of `ner.nn.pooling`.

All read states (B T H) and lengths (B), int64.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from torch import nn

from ner.exporting.graph import GraphBuilder, find_builder
from ner.exporting.layers import (
    as_column,
    count_up,
    count_up_to_largest,
    fill_padding,
    linear,
    mask_sentences_first,
    slice_axis,
    to_int64,
)
from ner.nn.pooling import (
    AdditiveAttention,
    AttentionPooling,
    ConcatenatedPooling,
    HierarchicalPooling,
    LastStates,
    MaxPooling,
    MeanPooling,
    StructuredAttention,
)


class PooledValues(NamedTuple):
    """Vectors of texts (B P), and attention to their tokens (B K T) where there is any."""

    vectors: str
    attention: str | None = None


def pool(graph: GraphBuilder, module: nn.Module, hidden: str, lengths: str) -> PooledValues:
    """Pool the states of each text.

    Hierarchical pooling also reads the input `sentence_ids` (B T).
    """
    if type(module) is HierarchicalPooling:
        return hierarchical_pooling(graph, module, hidden, lengths)
    return find_builder(POOLINGS, module, "pooling")(graph, module, hidden, lengths)


def max_pooling(graph: GraphBuilder, module: MaxPooling, hidden: str, lengths: str) -> PooledValues:
    """Take the largest value of each feature."""
    states = _fill(graph, hidden, lengths, -np.inf)
    return PooledValues(graph.node("ReduceMax", states, axes=[1], keepdims=0))


def mean_pooling(
    graph: GraphBuilder, module: MeanPooling, hidden: str, lengths: str
) -> PooledValues:
    """Take the mean over tokens."""
    states = _fill(graph, hidden, lengths)
    sums = graph.node("ReduceSum", states, graph.integers(1), keepdims=0)
    counts = graph.node("Cast", lengths, to=TensorProto.FLOAT)
    return PooledValues(graph.node("Div", sums, as_column(graph, counts)))


def last_states(graph: GraphBuilder, module: LastStates, hidden: str, lengths: str) -> PooledValues:
    """Take the state of each direction when it has read the whole text."""
    last = graph.node("Sub", as_column(graph, lengths), graph.integers(1))
    ahead = graph.node("GatherND", hidden, last, batch_dims=1)
    back = graph.node("Gather", hidden, graph.constant(np.array(0)), axis=1)
    middle, end = module.num_forward, module.size
    if middle == end:
        return PooledValues(ahead)
    halves = [slice_axis(graph, ahead, 0, middle, axis=1)]
    halves.append(slice_axis(graph, back, middle, end, axis=1))
    return PooledValues(graph.concatenate(halves, axis=1))


def attention_pooling(
    graph: GraphBuilder, module: AttentionPooling, hidden: str, lengths: str
) -> PooledValues:
    """Take a weighted mean over tokens; each head averages its share of the features."""
    states = _fill(graph, hidden, lengths)
    weights = _attention(graph, module.attention, states, lengths)
    apart = graph.integers(0, 0, module.num_heads, module.size // module.num_heads)
    shares = graph.node("Reshape", states, apart)
    # Axes: text (B) x head (K) x token (T) x feature of the head.
    turned = graph.node("Transpose", shares, perm=[0, 2, 1, 3])
    rows = graph.node("Unsqueeze", weights, graph.integers(2))
    means = graph.node("MatMul", rows, turned)
    return PooledValues(graph.node("Flatten", means), weights)


def structured_attention(
    graph: GraphBuilder, module: StructuredAttention, hidden: str, lengths: str
) -> PooledValues:
    """Take several weighted means over tokens side by side."""
    states = _fill(graph, hidden, lengths)
    weights = _attention(graph, module.attention, states, lengths)
    return PooledValues(graph.node("Flatten", graph.node("MatMul", weights, states)), weights)


def concatenated_pooling(
    graph: GraphBuilder, module: ConcatenatedPooling, hidden: str, lengths: str
) -> PooledValues:
    """Join the vectors of several poolings."""
    pooled = [
        find_builder(POOLINGS, each, f"pooling.parts.{i}")(graph, each, hidden, lengths)
        for i, each in enumerate(module.parts)
    ]
    attention = [each.attention for each in pooled if each.attention is not None]
    return PooledValues(
        graph.concatenate([each.vectors for each in pooled], axis=1),
        graph.concatenate(attention, axis=1) if attention else None,
    )


POOLINGS: dict[type[nn.Module], Callable[[GraphBuilder, Any, str, str], PooledValues]] = {
    AttentionPooling: attention_pooling,
    StructuredAttention: structured_attention,
    MaxPooling: max_pooling,
    MeanPooling: mean_pooling,
    LastStates: last_states,
    ConcatenatedPooling: concatenated_pooling,
}


def hierarchical_pooling(
    graph: GraphBuilder, module: HierarchicalPooling, hidden: str, lengths: str
) -> PooledValues:
    """Pool the words of each sentence, then the sentences of each document."""
    cut = _cut_documents(graph, hidden, lengths)
    one = graph.integers(1)

    # Axes: sentence (S) x its token (W). Past the end of a sentence, the index is of any token.
    offsets = count_up_to_largest(graph, cut.lengths)
    rows = graph.node("Add", as_column(graph, cut.starts), offsets)
    rows = graph.node("Min", rows, graph.node("Sub", cut.total, one))
    sizes = [graph.integers(-1), graph.node("Shape", hidden, start=2)]
    flat = graph.node("Reshape", hidden, graph.concatenate(sizes, axis=0))
    states = graph.node("Gather", flat, rows)
    build = find_builder(POOLINGS, module.words, "pooling.words")
    within = build(graph, module.words, states, cut.lengths)

    # Axes: document (B) x its sentence (N). Past the last sentence, the index is of any sentence.
    offsets = count_up_to_largest(graph, cut.counts)
    members = graph.node("Add", as_column(graph, cut.first), offsets)
    num_sentences = graph.node("Shape", cut.starts)
    members = graph.node("Min", members, graph.node("Sub", num_sentences, one))
    grouped = graph.node("Gather", within.vectors, members)
    whole = attention_pooling(graph, module.sentences, grouped, cut.counts)
    assert whole.attention is not None
    attention = _spread_attention(graph, cut, within.attention, whole.attention)
    return PooledValues(whole.vectors, attention)


class _DocumentSentences(NamedTuple):
    """The sentences of a batch of documents, as `ner.nn.documents` finds them; numbers are int64.

    Args:
        sentence_ids: The sentence of each token, as the graph reads it (B T).
        mask: True on tokens (B T).
        marks: 1 where a sentence starts, else 0; all B * T tokens end to end.
        total: B * T.
        starts: The indices where sentences start (S).
        lengths: Tokens of each sentence (S).
        counts: Sentences of each document (B).
        first: Index of each document's first sentence among all (B).
    """

    sentence_ids: str
    mask: str
    marks: str
    total: str
    starts: str
    lengths: str
    counts: str
    first: str


def _cut_documents(graph: GraphBuilder, hidden: str, lengths: str) -> _DocumentSentences:
    sentence_ids = to_int64(graph, graph.input("sentence_ids"))
    mask, positions = mask_sentences_first(graph, hidden, lengths)
    neighbours = [slice_axis(graph, sentence_ids, 0, end, axis=1) for end in (1, -1)]
    before = graph.concatenate(neighbours, axis=1)
    is_other = graph.node("Not", graph.node("Equal", sentence_ids, before))
    is_first = graph.node("Equal", positions, graph.constant(np.array(0)))
    begins = graph.node("And", mask, graph.node("Or", is_other, is_first))
    marks = to_int64(graph, begins)
    flat_marks = graph.node("Reshape", marks, graph.integers(-1))
    starts = graph.node("Reshape", graph.node("NonZero", flat_marks), graph.integers(-1))
    width = graph.node("Shape", sentence_ids, start=1, end=2)
    documents = graph.node("Div", starts, width)
    total = graph.node("Shape", flat_marks)
    later_starts = slice_axis(graph, starts, 1, np.iinfo(np.int64).max, axis=0)
    following = graph.concatenate([later_starts, total], axis=0)
    own_lengths = graph.node("Gather", lengths, documents)
    document_ends = graph.node("Add", graph.node("Mul", documents, width), own_lengths)
    ends = graph.node("Min", following, document_ends)
    counts = graph.node("ReduceSum", marks, graph.integers(1), keepdims=0)
    return _DocumentSentences(
        sentence_ids=sentence_ids,
        mask=mask,
        marks=flat_marks,
        total=total,
        starts=starts,
        lengths=graph.node("Sub", ends, starts),
        counts=counts,
        first=graph.node("CumSum", counts, graph.constant(np.array(0)), exclusive=1),
    )


def _spread_attention(
    graph: GraphBuilder, cut: _DocumentSentences, within: str | None, whole: str
) -> str:
    """Multiply weights within sentences by those of the sentences (B K T); 0 in padding.

    Args:
        graph: The graph to add to.
        cut: The sentences.
        within: Attention to the tokens of each sentence (S K W). With None, all of them have the
            same weight.
        whole: Attention to the sentences of each document (B 1 N).
    """
    one = graph.integers(1)
    # Of each token: the index of its sentence among all, and within its document.
    numbers = graph.node("CumSum", cut.marks, graph.constant(np.array(0)))
    shape = graph.node("Shape", cut.sentence_ids)
    sentences = graph.node("Reshape", graph.node("Sub", numbers, one), shape)
    positions = graph.node("Sub", sentences, as_column(graph, cut.first))
    of_sentence = graph.node("Squeeze", whole, one)
    weights = graph.node("GatherElements", of_sentence, positions, axis=1)
    # Axes: document (B) x head (1) x token (T).
    weights = graph.node("Unsqueeze", weights, one)
    if within is None:
        sizes = graph.node("Cast", cut.lengths, to=TensorProto.FLOAT)
        equal = graph.node("Gather", graph.node("Reciprocal", sizes), sentences)
        shares = graph.node("Unsqueeze", equal, one)
    else:
        shares = _shares_of_tokens(graph, cut, within, sentences, shape)
    product = graph.node("Mul", shares, weights)
    mask = graph.node("Unsqueeze", cut.mask, one)
    return graph.node("Where", mask, product, graph.number(0))


def _shares_of_tokens(
    graph: GraphBuilder, cut: _DocumentSentences, within: str, sentences: str, shape: str
) -> str:
    """Look up the weight of each token within its sentence (B K T).

    Args:
        graph: The graph to add to.
        cut: The sentences.
        within: Attention to the tokens of each sentence (S K W).
        sentences: The index of each token's sentence among all (B T).
        shape: The numbers B and T.
    """
    tokens = graph.node("Reshape", count_up(graph, cut.total), shape)
    places = graph.node("Sub", tokens, graph.node("Gather", cut.starts, sentences))
    width = graph.node("Shape", within, start=2, end=3)
    places = graph.node("Min", places, graph.node("Sub", width, graph.integers(1)))
    two = graph.integers(2)
    columns = [graph.node("Unsqueeze", each, two) for each in (sentences, places)]
    by_token = graph.node("Transpose", within, perm=[0, 2, 1])
    found = graph.node("GatherND", by_token, graph.concatenate(columns, axis=2))
    return graph.node("Transpose", found, perm=[0, 2, 1])


def _attention(graph: GraphBuilder, module: AdditiveAttention, states: str, lengths: str) -> str:
    """Compute how much each head attends to each token (B K T)."""
    keys = graph.node("Tanh", linear(graph, module.keys, states))
    queries = graph.node("Transpose", graph.weights(module.queries.weight), perm=[1, 0])
    scores = graph.node("MatMul", keys, queries)
    turned = graph.node("Transpose", scores, perm=[0, 2, 1])
    mask, _ = mask_sentences_first(graph, states, lengths)
    rows = graph.node("Unsqueeze", mask, graph.integers(1))
    masked = graph.node("Where", rows, turned, graph.number(-np.inf))
    return graph.node("Softmax", masked, axis=2)


def _fill(graph: GraphBuilder, hidden: str, lengths: str, value: float = 0.0) -> str:
    """Put a value in place of the states of padding."""
    mask, _ = mask_sentences_first(graph, hidden, lengths)
    return fill_padding(graph, hidden, mask, value)
