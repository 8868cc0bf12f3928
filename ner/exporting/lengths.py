"""Lengths, ranges and slices as nodes of a graph: what poolings need beside layers."""

import numpy as np
from onnx import TensorProto

from ner.exporting.graph import GraphBuilder


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
