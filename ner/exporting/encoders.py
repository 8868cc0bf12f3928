"""Encoders as nodes of a graph: each sentence by its own length.

Recurrent layers run all directions at once; minGRU and minLSTM are products of all tokens at once,
then a scan over states; dilated convolutions are products with the tokens that a filter reads.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__Scan.html; for the
order of gates in torch, the documentation of `torch.nn.LSTM` and `torch.nn.GRU`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper
from torch import nn

from ner.exporting.graph import LOWEST, GraphBuilder, numbers
from ner.exporting.layers import inside, layer_norm, linear, parts, run_layers, swapped, zero_behind
from ner.nn.encoders import DilatedCNN, MinimalRNN, RecurrentEncoder, SelfAttention
from ner.nn.encoders.minimal import LOWEST_GATE, PRODUCTS

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


def minimal(graph: GraphBuilder, module: MinimalRNN, embedded: str, lengths: str) -> str:
    """Stack the layers: from (T B E) to (B T H)."""
    tokens = inside(graph, embedded, lengths)

    def run(k: int, hidden: str, batch_first: bool) -> str:
        products = linear(graph, module.products[k], hidden)
        # Behind a sentence candidates are zero, and so are states where it is read backwards.
        states = _states(graph, module, zero_behind(graph, products, tokens), lengths)
        return swapped(graph, states) if batch_first else states

    return run_layers(graph, module, embedded, run)


def _states(graph: GraphBuilder, module: MinimalRNN, products: str, lengths: str) -> str:
    """Give the states (T B H) from gates and candidates, end to end (T B 2H or 3H)."""
    *gates, candidates = parts(graph, products, PRODUCTS[module.cell], module.size)
    if module.cell == "mingru":
        decays = graph.node("Sigmoid", graph.node("Neg", gates[0]))
        share = graph.node("Sigmoid", gates[0])
    else:
        lowest = graph.constant(np.array(LOWEST_GATE, dtype=np.float32))
        one = graph.constant(np.array(1, dtype=np.float32))
        powers = [graph.node("Neg", graph.node("Max", gate, lowest)) for gate in gates]
        forget, enter = (graph.node("Add", one, graph.node("Exp", power)) for power in powers)
        total = graph.node("Add", forget, enter)
        decays, share = (graph.node("Div", each, total) for each in (enter, forget))
    added = graph.node("Mul", share, candidates)
    if not module.bidirectional:
        return _scan(graph, decays, added, lengths, module.size, 0)
    width = module.size // 2
    halves = zip(*(parts(graph, each, 2, width) for each in (decays, added)), strict=True)
    states = [_scan(graph, a, b, lengths, width, i) for i, (a, b) in enumerate(halves)]
    return graph.node("Concat", *states, axis=2)


def _scan(
    graph: GraphBuilder, decays: str, added: str, lengths: str, width: int, direction: int
) -> str:
    """Run over the tokens, from the last to the first where `direction` is 1."""
    sentences = graph.node("Shape", lengths)
    shape = graph.node("Concat", sentences, graph.constant(np.array([width])), axis=0)
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    start = graph.node("ConstantOfShape", shape, value=zero)
    return graph.node(
        "Scan",
        start,
        decays,
        added,
        output=1,
        required=True,
        body=_body(width),
        num_scan_inputs=2,
        scan_input_directions=[direction, direction],
        scan_output_directions=[direction],
    )


def _body(width: int) -> GraphProto:
    """One step: the state decays, and something is added."""
    names = ("state", "decay", "addend", "next", "output")
    state, decay, addend, following, output = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ("B", width)) for name in names
    )
    nodes = [
        helper.make_node("Mul", ["state", "decay"], ["kept"], "kept"),
        helper.make_node("Add", ["kept", "addend"], ["next"], "next"),
        helper.make_node("Identity", ["next"], ["output"], "output"),
    ]
    return helper.make_graph(nodes, "step", [state, decay, addend], [following, output])
