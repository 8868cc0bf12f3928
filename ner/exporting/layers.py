"""Layers that embeddings, encoders, poolings and heads share, as nodes of a graph.

Embeddings and the layers of encoders have the tokens first (T B E), as the recurrent operators of
ONNX do; poolings and heads have the sentences first (B T H).
"""

from collections.abc import Callable

import numpy as np
from onnx import TensorProto
from torch import nn

from ner.exporting.graph import GraphBuilder, to_numpy
from ner.nn.encoders import LayeredEncoder

# Runs a layer, given its number, its input (T B E), and whether its states are wanted as (B T H)
# rather than (T B H).
RunLayer = Callable[[int, str, bool], str]


def stack_layers(
    graph: GraphBuilder, module: LayeredEncoder, embedded: str, run_layer: RunLayer
) -> str:
    """Run all layers, and what comes between them: from (T B E) to (B T H)."""
    hidden = embedded
    for k in range(module.layers):
        is_last = k == module.layers - 1
        states = run_layer(k, hidden, is_last)
        if module.norms:
            states = layer_norm(graph, module.norms[k], states)
        if module.residual and k:
            states = graph.node("Add", states, swap_axes(graph, hidden) if is_last else hidden)
        hidden = states
    return hidden


def layer_norm(graph: GraphBuilder, module: nn.Module, x: str) -> str:
    """Normalise the last axis."""
    assert isinstance(module, nn.LayerNorm)
    weights = [graph.constant(to_numpy(each)) for each in (module.weight, module.bias)]
    return graph.node("LayerNormalization", x, *weights, axis=-1, epsilon=module.eps)


def linear(graph: GraphBuilder, module: nn.Module, x: str) -> str:
    """Multiply the last axis by the weights, and add the bias."""
    assert isinstance(module, nn.Linear)
    turned = graph.node("Transpose", graph.weights(module.weight), perm=[1, 0])
    product = graph.node("MatMul", x, turned)
    return graph.node("Add", product, graph.constant(to_numpy(module.bias)))


def swap_axes(graph: GraphBuilder, x: str) -> str:
    """Swap tokens and sentences, the first two axes of three."""
    return graph.node("Transpose", x, perm=[1, 0, 2])


def split_features(graph: GraphBuilder, x: str, count: int, width: int) -> list[str]:
    """Cut the last axis of three into slices of equal width."""
    return [slice_axis(graph, x, i * width, (i + 1) * width, axis=2) for i in range(count)]


def slice_axis(graph: GraphBuilder, x: str, start: int, end: int, *, axis: int) -> str:
    """Take the elements of an axis from `start` up to, but not including, `end`."""
    return graph.node("Slice", x, *(graph.integers(each) for each in (start, end, axis)))


def mask_tokens_first(graph: GraphBuilder, x: str, lengths: str) -> str:
    """Mark the tokens (T B) of x (T B E) with True; lengths are int32 (B)."""
    positions = as_column(graph, count_elements(graph, x, axis=0))
    return graph.node("Less", positions, to_int64(graph, lengths))


def mask_sentences_first(graph: GraphBuilder, x: str, lengths: str) -> tuple[str, str]:
    """Mark the tokens (B T) of x (B T H) with True, and number them (T); lengths are int64 (B)."""
    positions = count_elements(graph, x, axis=1)
    return graph.node("Less", positions, as_column(graph, lengths)), positions


def fill_padding(graph: GraphBuilder, x: str, mask: str, value: float = 0.0) -> str:
    """Put a value wherever the mask of the first two axes of three is False."""
    # Axes: token x sentence, or the other way round, x feature (1).
    tokens = graph.node("Unsqueeze", mask, graph.integers(2))
    return graph.node("Where", tokens, x, graph.number(value))


def count_elements(graph: GraphBuilder, x: str, axis: int) -> str:
    """Number the elements of an axis from 0."""
    return count_up(graph, graph.node("Shape", x, start=axis, end=axis + 1))


def count_up_to_largest(graph: GraphBuilder, sizes: str) -> str:
    """Count from 0 up to, but not including, the largest of some sizes."""
    return count_up(graph, graph.node("ReduceMax", sizes, axes=[0]))


def count_up(graph: GraphBuilder, size: str) -> str:
    """Count from 0 up to, but not including, a size, which is a list of one number."""
    # The operator takes numbers, not lists.
    end = graph.node("Squeeze", size, graph.integers(0))
    return graph.node("Range", graph.constant(np.array(0)), end, graph.constant(np.array(1)))


def as_column(graph: GraphBuilder, values: str) -> str:
    """Turn a list (N) into a column (N 1)."""
    return graph.node("Unsqueeze", values, graph.integers(1))


def to_int64(graph: GraphBuilder, values: str) -> str:
    """Convert numbers or truth values to int64."""
    return graph.node("Cast", values, to=TensorProto.INT64)
