"""Recurrent layers as nodes of a graph: all directions at once, each sentence by its own length.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and onnx__GRU.html; for the order of gates
in torch, the documentation of `torch.nn.LSTM` and `torch.nn.GRU`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ner.exporting.graph import GraphBuilder, numbers
from ner.exporting.layers import run_layers
from ner.nn.encoders import RecurrentEncoder

# Of each of ONNX's gates its place among torch's: input, output, forget, cell among input, forget,
# cell, output; update, reset, new among reset, update, new.
GATES: dict[type[nn.Module], tuple[int, ...]] = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2)}
# torch resets what the new gate made of the last state, not that state.
ATTRIBUTES: dict[type[nn.Module], dict[str, int]] = {
    nn.LSTM: {},
    nn.GRU: {"linear_before_reset": 1},
}


def run_directions(
    graph: GraphBuilder, layers: Sequence[Any], x: str, lengths: str, output: int
) -> str:
    """Run one layer in one direction or in both.

    Args:
        graph: To add to.
        layers: That which reads forwards, and that which reads backwards if there is one.
        x: What they read (T B E).
        lengths: int32 (B); states stop there, and outputs behind are zero.
        output: 0 for all states (T D B H), 1 for the last ones (D B H); D is one for a direction.
    """
    kind = type(layers[0])
    arrays = [_arrays(layer, GATES[kind]) for layer in layers]
    attributes: dict[str, Any] = ATTRIBUTES[kind]
    weights = [graph.constant(np.stack(each)) for each in zip(*arrays, strict=True)]
    return graph.node(
        kind.__name__,
        x,
        *weights,
        lengths,
        output=output,
        direction="bidirectional" if len(layers) == 2 else "forward",
        hidden_size=layers[0].hidden_size,
        **attributes,
    )


def last_states(
    graph: GraphBuilder, ahead: nn.Module, back: nn.Module, x: str, lengths: str
) -> str:
    """Give the last state of each direction side by side (B H)."""
    states = run_directions(graph, [ahead, back], x, lengths, output=1)
    return graph.node("Flatten", graph.node("Transpose", states, perm=[1, 0, 2]))


def recurrent(graph: GraphBuilder, module: RecurrentEncoder, embedded: str, lengths: str) -> str:
    """Stack the layers: from (T B E) to (B T H)."""

    def run(k: int, hidden: str, batch_first: bool) -> str:
        layers: list[Any] = [module.forwards[k]]
        if module.backwards:
            layers.append(module.backwards[k])
        states = run_directions(graph, layers, hidden, lengths, output=0)
        if layers[0].proj_size:
            # Axes: direction x state x projection.
            projections = np.stack([numbers(layer.weight_hr_l0).T for layer in layers])
            states = graph.node("MatMul", states, graph.constant(projections))
        # Axes: position (T) x direction x sentence (B) x state, then sentence or position first.
        apart = graph.node("Transpose", states, perm=[2, 0, 1, 3] if batch_first else [0, 2, 1, 3])
        return graph.node("Reshape", apart, graph.constant(np.array([0, 0, module.size])))

    return run_layers(graph, module, embedded, run)


def _arrays(layer: Any, gates: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Give a layer's weights of inputs, of states, and both biases end to end, in ONNX's order.

    ONNX knows no projections. But what the gates read of a projected state is a product of two
    matrices with the state, so one matrix does the same.
    """
    found = {name: numbers(tensor) for name, tensor in layer.named_parameters()}
    projection = found.pop("weight_hr_l0", None)
    if projection is not None:
        found["weight_hh_l0"] = found["weight_hh_l0"] @ projection
    ordered = {
        name: np.concatenate([np.split(a, len(gates))[g] for g in gates])
        for name, a in found.items()
    }
    biases = np.concatenate([ordered["bias_ih_l0"], ordered["bias_hh_l0"]])
    return [ordered["weight_ih_l0"], ordered["weight_hh_l0"], biases]
