"""Dilated convolutions as nodes of a graph.

A convolution over tokens is one product of matrices once the tokens that a filter reads stand side
by side; ONNX Runtime takes as long for it as for its own operator, which would want the tokens on
the last axis.
"""

import numpy as np
from torch import nn

from ner.exporting.graph import GraphBuilder, numbers
from ner.exporting.layers import inside, run_layers, swapped, zero_behind
from ner.nn.encoders import DilatedCNN


def dilated(graph: GraphBuilder, module: DilatedCNN, embedded: str, lengths: str) -> str:
    """Go through the block again and again: from (T B E) to (B T H)."""
    tokens = inside(graph, embedded, lengths)

    def run(k: int, hidden: str, batch_first: bool) -> str:
        for layer in module.block if k else [module.first]:
            assert isinstance(layer, nn.Conv1d)
            hidden = _convolution(graph, layer, zero_behind(graph, hidden, tokens))
        return swapped(graph, hidden) if batch_first else hidden

    return run_layers(graph, module, embedded, run)


def _convolution(graph: GraphBuilder, layer: nn.Conv1d, x: str) -> str:
    weight, bias, apart = numbers(layer.weight), layer.bias, layer.dilation[0]
    assert bias is not None
    # Axes: place in the window x value x filter.
    matrix = weight.transpose(2, 1, 0).reshape(-1, len(weight))
    ends = np.array([apart, 0, 0, apart, 0, 0])
    padded = graph.node("Pad", x, graph.constant(ends))
    zero, most = (np.array([each]) for each in (0, np.iinfo(np.int64).max))
    before, after = (
        graph.node("Slice", padded, *map(graph.constant, (start, end, zero)))
        for start, end in ((zero, np.array([-2 * apart])), (np.array([2 * apart]), most))
    )
    windows = graph.node("Concat", before, x, after, axis=2)
    product = graph.node("MatMul", windows, graph.constant(matrix))
    return graph.node("Relu", graph.node("Add", product, graph.constant(numbers(bias))))
