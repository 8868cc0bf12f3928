"""Layers above each other as nodes of a graph: what encoders of all kinds have in common."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from onnx import TensorProto
from torch import nn

from ner.exporting.graph import GraphBuilder, numbers
from ner.nn.encoders import LayeredEncoder

# The number of a layer, what it reads (T B E), and whether its states are wanted as (B T H)
# rather than (T B H).
Layer = Callable[[int, str, bool], str]


def run_layers(graph: GraphBuilder, module: LayeredEncoder, embedded: str, layer: Layer) -> str:
    """Stack the layers, with what comes between them: from (T B E) to (B T H)."""
    hidden = embedded
    for k in range(module.layers):
        last = k == module.layers - 1
        states = layer(k, hidden, last)
        if module.norms:
            states = layer_norm(graph, module.norms[k], states)
        if module.residual and k:
            states = graph.node("Add", states, swapped(graph, hidden) if last else hidden)
        hidden = states
    return hidden


def layer_norm(graph: GraphBuilder, module: nn.Module, x: str) -> str:
    """Normalise the last axis."""
    assert isinstance(module, nn.LayerNorm)
    parts = [graph.constant(numbers(part)) for part in (module.weight, module.bias)]
    return graph.node("LayerNormalization", x, *parts, axis=-1, epsilon=module.eps)


def swapped(graph: GraphBuilder, x: str) -> str:
    """Swap positions and sentences (T B H)."""
    return graph.node("Transpose", x, perm=[1, 0, 2])


def linear(graph: GraphBuilder, module: nn.Module, x: str) -> str:
    """Multiply the last axis with weights."""
    assert isinstance(module, nn.Linear)
    product = graph.node("MatMul", x, graph.constant(numbers(module.weight).T))
    return graph.node("Add", product, graph.constant(numbers(module.bias)))


def inside(graph: GraphBuilder, x: str, lengths: str) -> str:
    """Mark the tokens (T B) of x (T B E) with True."""
    # A range is bounded by scalars, and all constants are lists.
    bounds = (graph.constant(np.array([0])), graph.node("Shape", x, start=0, end=1))
    bounds = (graph.node("Squeeze", each) for each in (*bounds, graph.constant(np.array([1]))))
    positions = graph.node("Range", *bounds)
    # Axes: position (T) x sentence (1).
    column = graph.node("Unsqueeze", positions, graph.constant(np.array([1])))
    return graph.node("Less", column, graph.node("Cast", lengths, to=TensorProto.INT64))


def zero_behind(graph: GraphBuilder, x: str, tokens: str) -> str:
    """Put zeros in x (T B E) where `tokens` (T B) is False."""
    # Axes: position (T) x sentence (B) x value (1).
    mask = graph.node("Unsqueeze", tokens, graph.constant(np.array([2])))
    return graph.node("Where", mask, x, graph.constant(np.array(0, dtype=np.float32)))


def parts(graph: GraphBuilder, x: str, count: int, width: int) -> list[str]:
    """Cut the last axis of three into parts of equal width."""
    bounds = [graph.constant(np.array([width * i])) for i in range(count + 1)]
    axis = graph.constant(np.array([2]))
    return [graph.node("Slice", x, start, end, axis) for start, end in pairwise(bounds)]


def text_mask(graph: GraphBuilder, hidden: str, lengths: str) -> tuple[str, str]:
    """Mark the tokens of each text (B T), and count places from 0 (T)."""
    times = graph.node("Range", *bounds(graph, graph.node("Shape", hidden, start=1, end=2)))
    return graph.node("Less", times, column(graph, lengths)), times


def upto(graph: GraphBuilder, sizes: str) -> str:
    """Count from 0 up to, not including, the greatest size."""
    return graph.node("Range", *bounds(graph, graph.node("ReduceMax", sizes, axes=[0])))


def bounds(graph: GraphBuilder, size: str) -> tuple[str, str, str]:
    """Give the arguments of a range from 0 to a size, which is a list of one."""
    scalar = graph.node("Squeeze", size, integers(graph, 0))
    return graph.constant(np.array(0)), scalar, graph.constant(np.array(1))


def cut_axis(graph: GraphBuilder, x: str, start: int, end: int, *, axis: int) -> str:
    """Take the places of an axis from a start up to, not including, an end."""
    return graph.node("Slice", x, *(integers(graph, each) for each in (start, end, axis)))


def column(graph: GraphBuilder, values: str) -> str:
    """Make a column (N 1) of values (N)."""
    return graph.node("Unsqueeze", values, integers(graph, 1))


def int64(graph: GraphBuilder, values: str) -> str:
    """Turn numbers or truth values into int64."""
    return graph.node("Cast", values, to=TensorProto.INT64)


def integers(graph: GraphBuilder, *values: int) -> str:
    """Keep a list of whole numbers in the graph."""
    return graph.constant(np.array(values))
