"""Poolings and classifiers as nodes of a graph; a function a module of `ner.nn.pooling`.

Lengths are int64 (B) throughout, as those of sentences within documents come out of the graph.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from torch import nn

from ner.exporting.graph import GraphBuilder, chosen, numbers
from ner.exporting.layers import bounds, column, cut_axis, int64, integers, linear, text_mask, upto
from ner.nn.heads import ClassifierHead
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
    """Vectors (B P), and attention (B K T) where there is any."""

    vectors: str
    attention: str | None = None


def classifier_head(
    graph: GraphBuilder, module: ClassifierHead, hidden: str, lengths: str
) -> dict[str, str]:
    """Score labels: from (B T H) and lengths (B), int32, to what `ClassifierHead.outputs` gives.

    With hierarchical pooling the graph reads the input `parts` (B T).
    """
    counts = int64(graph, lengths)
    pooling: Any = module.pooling
    if type(pooling) is HierarchicalPooling:
        pooled = hierarchical_pooling(graph, pooling, hidden, counts)
    else:
        pooled = chosen(POOLINGS, pooling, "pooling")(graph, pooling, hidden, counts)
    outputs = {"logits": linear(graph, module.projection, pooled.vectors)}
    if pooled.attention is not None:
        outputs["attention"] = pooled.attention
    return outputs


def max_pooling(graph: GraphBuilder, module: MaxPooling, hidden: str, lengths: str) -> PooledValues:
    """Take the greatest value of each feature."""
    states = _fill_behind(graph, hidden, lengths, -np.inf)
    return PooledValues(graph.node("ReduceMax", states, axes=[1], keepdims=0))


def mean_pooling(
    graph: GraphBuilder, module: MeanPooling, hidden: str, lengths: str
) -> PooledValues:
    """Take the mean over tokens."""
    states = _fill_behind(graph, hidden, lengths, 0)
    sums = graph.node("ReduceSum", states, integers(graph, 1), keepdims=0)
    counts = graph.node("Cast", lengths, to=TensorProto.FLOAT)
    return PooledValues(graph.node("Div", sums, column(graph, counts)))


def last_states(graph: GraphBuilder, module: LastStates, hidden: str, lengths: str) -> PooledValues:
    """Take the last state of each direction."""
    last = graph.node("Sub", column(graph, lengths), integers(graph, 1))
    ahead = graph.node("GatherND", hidden, last, batch_dims=1)
    back = graph.node("Gather", hidden, graph.constant(np.array(0)), axis=1)
    middle, end = module.num_forward, module.size
    if middle == end:
        return PooledValues(ahead)
    halves = [cut_axis(graph, ahead, 0, middle, axis=1), cut_axis(graph, back, middle, end, axis=1)]
    return PooledValues(graph.concatenate(halves, axis=1))


def attention_pooling(
    graph: GraphBuilder, module: AttentionPooling, hidden: str, lengths: str
) -> PooledValues:
    """Take a weighted mean; each head of its share of the features."""
    states = _fill_behind(graph, hidden, lengths, 0)
    weights = _attention(graph, module.attention, states, lengths)
    apart = np.array([0, 0, module.num_heads, module.size // module.num_heads])
    shares = graph.node("Reshape", states, graph.constant(apart))
    # Axes: text (B) x head (K) x token (T) x feature of the head.
    across = graph.node("Transpose", shares, perm=[0, 2, 1, 3])
    rows = graph.node("Unsqueeze", weights, integers(graph, 2))
    means = graph.node("MatMul", rows, across)
    return PooledValues(graph.node("Flatten", means), weights)


def structured_attention(
    graph: GraphBuilder, module: StructuredAttention, hidden: str, lengths: str
) -> PooledValues:
    """Take several weighted means side by side."""
    states = _fill_behind(graph, hidden, lengths, 0)
    weights = _attention(graph, module.attention, states, lengths)
    return PooledValues(graph.node("Flatten", graph.node("MatMul", weights, states)), weights)


def concatenated_pooling(
    graph: GraphBuilder, module: ConcatenatedPooling, hidden: str, lengths: str
) -> PooledValues:
    """Put several poolings side by side."""
    found = [
        chosen(POOLINGS, part, f"pooling.parts.{i}")(graph, part, hidden, lengths)
        for i, part in enumerate(module.parts)
    ]
    attention = [each.attention for each in found if each.attention is not None]
    return PooledValues(
        graph.concatenate([each.vectors for each in found], axis=1),
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
    """Pool words within sentences, then sentences."""
    cut = _cut_parts(graph, hidden, lengths)
    one = integers(graph, 1)

    # Axes: sentence (S) x token of it (W); behind its end stands some token.
    rows = graph.node("Add", column(graph, cut.starts), upto(graph, cut.lengths))
    rows = graph.node("Min", rows, graph.node("Sub", cut.total, one))
    flat_shape = graph.concatenate(
        [integers(graph, -1), graph.node("Shape", hidden, start=2)], axis=0
    )
    flat = graph.node("Reshape", hidden, flat_shape)
    states = graph.node("Gather", flat, rows)
    build = chosen(POOLINGS, module.words, "pooling.words")
    within = build(graph, module.words, states, cut.lengths)

    # Axes: document (B) x sentence of it (N); behind its last stands some sentence.
    members = graph.node("Add", column(graph, cut.first), upto(graph, cut.counts))
    num_parts = graph.node("Shape", cut.starts)
    members = graph.node("Min", members, graph.node("Sub", num_parts, one))
    grouped = graph.node("Gather", within.vectors, members)
    whole = attention_pooling(graph, module.sentences, grouped, cut.counts)
    assert whole.attention is not None
    return PooledValues(whole.vectors, _spread(graph, cut, within.attention, whole.attention))


class _Parts(NamedTuple):
    """Where the sentences of documents are, see `ner.nn.documents.Parts`; numbers are int64.

    Args:
        parts: The sentence of each token, as the graph reads it (B T).
        inside: True on tokens (B T).
        marks: 1 where a sentence starts, else 0; all B * T places end to end.
        total: B * T.
        starts: The places where sentences start (S).
        lengths: Tokens of each sentence (S).
        counts: Sentences of each document (B).
        first: Number of each document's first sentence among all (B).
    """

    parts: str
    inside: str
    marks: str
    total: str
    starts: str
    lengths: str
    counts: str
    first: str


def _cut_parts(graph: GraphBuilder, hidden: str, lengths: str) -> _Parts:
    """Find the sentences of documents, as `ner.nn.documents.cut_parts` does."""
    parts = int64(graph, graph.input("parts"))
    inside, times = text_mask(graph, hidden, lengths)
    one = integers(graph, 1)
    before = graph.concatenate(
        [cut_axis(graph, parts, 0, 1, axis=1), cut_axis(graph, parts, 0, -1, axis=1)], axis=1
    )
    changed = graph.node("Not", graph.node("Equal", parts, before))
    first_token = graph.node("Equal", times, graph.constant(np.array(0)))
    begins = graph.node("And", inside, graph.node("Or", changed, first_token))
    marks = int64(graph, begins)
    along = graph.node("Reshape", marks, integers(graph, -1))
    starts = graph.node("Reshape", graph.node("NonZero", along), integers(graph, -1))
    width = graph.node("Shape", parts, start=1, end=2)
    documents = graph.node("Div", starts, width)
    total = graph.node("Shape", along)
    following = graph.concatenate(
        [cut_axis(graph, starts, 1, np.iinfo(np.int64).max, axis=0), total], axis=0
    )
    own_lengths = graph.node("Gather", lengths, documents)
    document_ends = graph.node("Add", graph.node("Mul", documents, width), own_lengths)
    ends = graph.node("Min", following, document_ends)
    part_lengths = graph.node("Sub", ends, starts)
    counts = graph.node("ReduceSum", marks, one, keepdims=0)
    first = graph.node("CumSum", counts, graph.constant(np.array(0)), exclusive=1)
    return _Parts(parts, inside, along, total, starts, part_lengths, counts, first)


def _spread(graph: GraphBuilder, cut: _Parts, within: str | None, whole: str) -> str:
    """Multiply weights within sentences by those of the sentences: (B K T), 0 behind the end.

    Args:
        graph: To add to.
        cut: The sentences.
        within: Attention of their tokens (S K W); None gives all tokens of a sentence the same.
        whole: Attention of the sentences of each document (B 1 N).
    """
    one = integers(graph, 1)
    # Of each token: its sentence among all, that sentence's place in the document, its own place.
    order = graph.node("CumSum", cut.marks, graph.constant(np.array(0)))
    shape = graph.node("Shape", cut.parts)
    part_of = graph.node("Reshape", graph.node("Sub", order, one), shape)
    position = graph.node("Sub", part_of, column(graph, cut.first))
    of_part = graph.node("Squeeze", whole, one)
    weights = graph.node("GatherElements", of_part, position, axis=1)
    # Axes: document (B) x head (1) x token (T).
    weights = graph.node("Unsqueeze", weights, one)
    if within is None:
        sizes = graph.node("Cast", cut.lengths, to=TensorProto.FLOAT)
        equal = graph.node("Gather", graph.node("Reciprocal", sizes), part_of)
        shares = graph.node("Unsqueeze", equal, one)
    else:
        every = graph.node("Range", *bounds(graph, cut.total))
        tokens = graph.node("Reshape", every, shape)
        place = graph.node("Sub", tokens, graph.node("Gather", cut.starts, part_of))
        last = graph.node("Sub", graph.node("Shape", within, start=2, end=3), one)
        place = graph.node("Min", place, last)
        two = integers(graph, 2)
        pairs = graph.concatenate(
            [graph.node("Unsqueeze", part_of, two), graph.node("Unsqueeze", place, two)], axis=2
        )
        by_token = graph.node("Transpose", within, perm=[0, 2, 1])
        own = graph.node("GatherND", by_token, pairs)
        shares = graph.node("Transpose", own, perm=[0, 2, 1])
    product = graph.node("Mul", shares, weights)
    zero = graph.constant(np.array(0, dtype=np.float32))
    return graph.node("Where", graph.node("Unsqueeze", cut.inside, one), product, zero)


def _attention(graph: GraphBuilder, module: AdditiveAttention, states: str, lengths: str) -> str:
    """Weigh tokens (B K T)."""
    keys = graph.node("Tanh", linear(graph, module.keys, states))
    scores = graph.node("MatMul", keys, graph.constant(numbers(module.queries.weight).T))
    across = graph.node("Transpose", scores, perm=[0, 2, 1])
    inside, _ = text_mask(graph, states, lengths)
    rows = graph.node("Unsqueeze", inside, integers(graph, 1))
    lowest = graph.constant(np.array(-np.inf, dtype=np.float32))
    return graph.node("Softmax", graph.node("Where", rows, across, lowest), axis=2)


def _fill_behind(graph: GraphBuilder, hidden: str, lengths: str, value: float) -> str:
    inside, _ = text_mask(graph, hidden, lengths)
    tokens = graph.node("Unsqueeze", inside, integers(graph, 2))
    return graph.node("Where", tokens, hidden, graph.constant(np.array(value, dtype=np.float32)))
