"""Dilated convolutions as nodes of a graph: products with the tokens that a filter reads."""

import numpy as np

from ner.exporting.graph import GraphBuilder
from ner.exporting.layers import inside, linear, run_layers, swapped, zero_behind
from ner.nn.encoders import DilatedCNN


def dilated(graph: GraphBuilder, module: DilatedCNN, embedded: str, lengths: str) -> str:
    """Go through the block again and again: from (T B E) to (B T H)."""
    tokens = inside(graph, embedded, lengths)

    def run(k: int, hidden: str, batch_first: bool) -> str:
        for filters, dilation in module.steps(k):
            windows = _windows(graph, zero_behind(graph, hidden, tokens), dilation)
            hidden = graph.node("Relu", linear(graph, filters, windows))
        return swapped(graph, hidden) if batch_first else hidden

    return run_layers(graph, module, embedded, run)


def _windows(graph: GraphBuilder, x: str, dilation: int) -> str:
    """Put the tokens before, at and after each token side by side."""
    ends = np.array([dilation, 0, 0, dilation, 0, 0])
    padded = graph.node("Pad", x, graph.constant(ends))
    first, last = np.array([0]), np.array([np.iinfo(np.int64).max])
    before, after = (
        graph.node("Slice", padded, *map(graph.constant, (start, end, first)))
        for start, end in ((first, np.array([-2 * dilation])), (np.array([2 * dilation]), last))
    )
    return graph.node("Concat", before, x, after, axis=2)
