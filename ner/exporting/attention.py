"""Self-attention as nodes of a graph."""

import numpy as np

from ner.exporting.graph import LOWEST, GraphBuilder, numbers
from ner.exporting.layers import inside, layer_norm, linear, parts, swapped, zero_behind
from ner.nn.encoders import SelfAttention


def self_attention(graph: GraphBuilder, module: SelfAttention, embedded: str, lengths: str) -> str:
    """Let each token look at those of its sentence: from (T B H) to (B T H)."""
    tokens = inside(graph, embedded, lengths)
    hidden = swapped(graph, zero_behind(graph, embedded, tokens))
    width = module.size // module.heads
    shape = graph.constant(np.array([0, 0, module.heads, width]))
    normal = layer_norm(graph, module.norm, hidden)
    products = parts(graph, linear(graph, module.products, normal), 3, module.size)
    query, key, value = (graph.node("Reshape", each, shape) for each in products)
    # Axes: sentence (B) x head x token (T) x its share of the states, keys the other way round.
    query, value = (graph.node("Transpose", each, perm=[0, 2, 1, 3]) for each in (query, value))
    key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
    scale = graph.constant(np.array(width**-0.5, dtype=np.float32))
    scores = graph.node("MatMul", graph.node("Mul", query, scale), key)
    # Axes: sentence (B) x head (1) x who looks (1) x at whom (T).
    seen = graph.node("Transpose", tokens, perm=[1, 0])
    seen = graph.node("Unsqueeze", seen, graph.constant(np.array([1, 2])))
    scores = graph.node("Where", seen, scores, graph.constant(np.array(LOWEST, dtype=np.float32)))
    found = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    together = graph.node("Transpose", found, perm=[0, 2, 1, 3])
    states = graph.node("Reshape", together, graph.constant(np.array([0, 0, module.size])))
    scales = graph.constant(numbers(module.scale))
    found = graph.node("Mul", linear(graph, module.output, states), scales)
    return graph.node("Add", hidden, found)
