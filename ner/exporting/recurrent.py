"""Recurrent layers as nodes of a graph: both directions at once, each sentence by its own length.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and onnx__GRU.html; for the order of gates
in torch, the documentation of `torch.nn.LSTM` and `torch.nn.GRU`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ner.exporting.graph import GraphBuilder, numbers
from ner.nn.encoder import BiRNN

# Of each of ONNX's gates its place among torch's: input, output, forget, cell among input, forget,
# cell, output; update, reset, new among reset, update, new.
GATES: dict[type[nn.Module], tuple[int, ...]] = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2)}
# torch resets what the new gate made of the last state, not that state.
ATTRIBUTES: dict[type[nn.Module], dict[str, int]] = {
    nn.LSTM: {},
    nn.GRU: {"linear_before_reset": 1},
}


def bidirectional(
    graph: GraphBuilder, ahead: nn.Module, back: nn.Module, x: str, lengths: str, output: int
) -> str:
    """Run one layer in both directions.

    Args:
        graph: To add to.
        ahead: The layer that reads forwards.
        back: The layer that reads backwards.
        x: What they read (T B E).
        lengths: int32 (B); states stop there, and outputs behind are zero.
        output: 0 for all states (T 2 B H), 1 for the last ones (2 B H).
    """
    kind = type(ahead)
    layers = [_arrays(layer, GATES[kind]) for layer in (ahead, back)]
    weights = [graph.constant(np.stack(pair)) for pair in zip(*layers, strict=True)]
    return graph.node(
        kind.__name__,
        x,
        *weights,
        lengths,
        output=output,
        direction="bidirectional",
        hidden_size=ahead.hidden_size,
        **ATTRIBUTES[kind],
    )


def last_states(
    graph: GraphBuilder, ahead: nn.Module, back: nn.Module, x: str, lengths: str
) -> str:
    """Give the last state of each direction side by side (B H)."""
    states = bidirectional(graph, ahead, back, x, lengths, output=1)
    return graph.node("Flatten", graph.node("Transpose", states, perm=[1, 0, 2]))


def birnn(graph: GraphBuilder, module: BiRNN, embedded: str, lengths: str) -> str:
    """Stack the layers: from (T B E) to (B T H)."""
    hidden = embedded
    last = len(module.forwards) - 1
    for i, (ahead, back) in enumerate(zip(module.forwards, module.backwards, strict=True)):
        states = bidirectional(graph, ahead, back, hidden, lengths, output=0)
        # Axes: position (T) x direction x sentence (B) x state, then again (B) first.
        apart = graph.node("Transpose", states, perm=[2, 0, 1, 3] if i == last else [0, 2, 1, 3])
        hidden = graph.node("Reshape", apart, graph.constant(np.array([0, 0, module.size])))
    return hidden


def _arrays(layer: Any, gates: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Give a layer's weights of inputs, of states, and both biases end to end, in ONNX's order."""
    found = {name: numbers(tensor) for name, tensor in layer.named_parameters()}
    ordered = {
        name: np.concatenate([np.split(a, len(gates))[g] for g in gates])
        for name, a in found.items()
    }
    biases = np.concatenate([ordered["bias_ih_l0"], ordered["bias_hh_l0"]])
    return [ordered["weight_ih_l0"], ordered["weight_hh_l0"], biases]
