"""Encoders as nodes of a graph, one function for each module of `ner.nn.encoders`.

All read vectors with the tokens first (T B E), and write states with the sentences first (B T H).
Each sentence is read up to its own length. LSTM and GRU are operators of ONNX, which run both
directions at once. minGRU and minLSTM are matrix products over all tokens, and then a scan over the
states. Dilated convolutions are matrix products too, over the tokens that a filter reads. The
layers that encoders share are in `ner.exporting.layers`.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__Scan.html; for the
order of gates in torch, the documentation of `torch.nn.LSTM` and `torch.nn.GRU`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper
from torch import nn

from ner.exporting.graph import LOWEST, GraphBuilder, find_builder, to_numpy
from ner.exporting.layers import (
    fill_padding,
    layer_norm,
    linear,
    mask_tokens_first,
    slice_axis,
    split_features,
    stack_layers,
    swap_axes,
)
from ner.inference.onnx_runtime import ENTERING
from ner.nn.encoders import DilatedCNN, EncoderStack, MinimalRNN, RecurrentEncoder, SelfAttention
from ner.nn.encoders.minimal import LOWEST_GATE, PRODUCTS

# The place of each of ONNX's gates among torch's. LSTM: input, output, forget, cell among input,
# forget, cell, output. GRU: update, reset, new among reset, update, new.
GATES: dict[type[nn.Module], tuple[int, ...]] = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2)}

# Parts of a state: that of an LSTM also has a cell.
PARTS: dict[type[nn.Module], int] = {nn.LSTM: 2, nn.GRU: 1}

# torch resets what the new gate computes from the last state, not the state itself.
ATTRIBUTES: dict[type[nn.Module], dict[str, int]] = {
    nn.LSTM: {},
    nn.GRU: {"linear_before_reset": 1},
}


class BorderStates:
    """The states with which recurrent layers enter a text, and those with which they leave it.

    The graph reads them as `entering` and returns them as `leaving`, see `ner.tasks.base.Cut`. Only
    pieces of a text get any; all else begins with zeros.

    Args:
        graph: The graph to add to.
        shape: The shape of `entering`.
        lengths: int32 (B).
    """

    def __init__(self, graph: GraphBuilder, shape: tuple[int, ...], lengths: str) -> None:
        self._graph = graph
        self.shape = shape
        self._lengths = lengths
        self._entering = graph.optional_input(ENTERING, np.zeros(shape, dtype=np.float32))
        self._leaving: list[str] = []

    def enter(self, k: int) -> list[str]:
        """Return each part of the state of layer number `k` before a text (D B H)."""
        graph, one = self._graph, self._graph.integers(1)
        size = graph.concatenate([one, graph.node("Shape", self._lengths), one], axis=0)
        places = ([k, part] for part in range(self.shape[1]))
        parts = [graph.node("GatherND", self._entering, graph.integers(*p)) for p in places]
        return [graph.node("Expand", part, size) for part in parts]

    def leave(self, *parts: str) -> None:
        """Keep the parts of the last state of the next layer (D B H)."""
        self._leaving += parts

    def leaving(self) -> str:
        """Join the states of all layers (L P D B H)."""
        graph, (*outer, _, width) = self._graph, self.shape
        joined = graph.concatenate(self._leaving, axis=0)
        return graph.node("Reshape", joined, graph.integers(*outer, -1, width))


def recurrent(
    graph: GraphBuilder,
    module: RecurrentEncoder,
    embedded: str,
    lengths: str,
    borders: BorderStates | None = None,
) -> str:
    """Run the LSTM or GRU layers."""

    def run_layer(k: int, hidden: str, batch_first: bool) -> str:
        layers: list[Any] = [module.forwards[k]]
        if module.backwards:
            layers.append(module.backwards[k])
        entering = borders.enter(k) if borders else ()
        states, *last = run_directions(graph, layers, hidden, lengths, entering)
        if borders:
            borders.leave(*last)
        if layers[0].proj_size:
            # Axes: direction x state x projection.
            projections = np.stack([to_numpy(layer.weight_hr_l0).T for layer in layers])
            states = graph.node("MatMul", states, graph.constant(projections))
        # Axes: token (T) x direction x sentence (B) x state, then sentence or token first.
        apart = graph.node("Transpose", states, perm=[2, 0, 1, 3] if batch_first else [0, 2, 1, 3])
        return graph.node("Reshape", apart, graph.integers(0, 0, module.size))

    return stack_layers(graph, module, embedded, run_layer)


def minimal(
    graph: GraphBuilder,
    module: MinimalRNN,
    embedded: str,
    lengths: str,
    borders: BorderStates | None = None,
) -> str:
    """Run the minGRU or minLSTM layers."""
    mask = mask_tokens_first(graph, embedded, lengths)

    def run_layer(k: int, hidden: str, batch_first: bool) -> str:
        products = linear(graph, module.products[k], hidden)
        # Candidates of padding are zero, so a state that is read backwards is zero before the end.
        products = fill_padding(graph, products, mask)
        entering = borders.enter(k) if borders else []
        states, last = _minimal_states(graph, module, products, lengths, entering)
        if borders:
            borders.leave(last)
        return swap_axes(graph, states) if batch_first else states

    return stack_layers(graph, module, embedded, run_layer)


def dilated(graph: GraphBuilder, module: DilatedCNN, embedded: str, lengths: str) -> str:
    """Run the block of convolutions, as often as the encoder repeats it."""
    mask = mask_tokens_first(graph, embedded, lengths)

    def run_layer(k: int, hidden: str, batch_first: bool) -> str:
        for filters, dilation in module.steps(k):
            windows = _windows(graph, fill_padding(graph, hidden, mask), dilation)
            hidden = graph.node("Relu", linear(graph, filters, windows))
        return swap_axes(graph, hidden) if batch_first else hidden

    return stack_layers(graph, module, embedded, run_layer)


def self_attention(graph: GraphBuilder, module: SelfAttention, embedded: str, lengths: str) -> str:
    """Let each token attend to the tokens of its sentence."""
    mask = mask_tokens_first(graph, embedded, lengths)
    hidden = swap_axes(graph, fill_padding(graph, embedded, mask))
    width = module.size // module.heads
    shape = graph.integers(0, 0, module.heads, width)
    normal = layer_norm(graph, module.norm, hidden)
    products = split_features(graph, linear(graph, module.products, normal), 3, module.size)
    query, key, value = (graph.node("Reshape", each, shape) for each in products)
    # Axes: sentence (B) x head x token (T) x feature of the head; the last two swapped for keys.
    query, value = (graph.node("Transpose", each, perm=[0, 2, 1, 3]) for each in (query, value))
    key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
    scores = graph.node("MatMul", graph.node("Mul", query, graph.number(width**-0.5)), key)
    # Axes: sentence (B) x head (1) x token that attends (1) x token attended to (T).
    attended = graph.node("Transpose", mask, perm=[1, 0])
    attended = graph.node("Unsqueeze", attended, graph.integers(1, 2))
    scores = graph.node("Where", attended, scores, graph.number(LOWEST))
    means = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    together = graph.node("Transpose", means, perm=[0, 2, 1, 3])
    states = graph.node("Reshape", together, graph.integers(0, 0, module.size))
    scale = graph.constant(to_numpy(module.scale))
    added = graph.node("Mul", linear(graph, module.output, states), scale)
    return graph.node("Add", hidden, added)


def encoder_stack(graph: GraphBuilder, module: EncoderStack, embedded: str, lengths: str) -> str:
    """Run several encoders, each on the states of the one before it."""
    hidden = embedded
    for i, encoder in enumerate(module.encoders):
        if i:
            hidden = swap_axes(graph, hidden)
        build = find_builder(ENCODERS, encoder, f"encoder.{i}")
        hidden = build(graph, encoder, hidden, lengths)
    return hidden


# From vectors (T B E) and lengths (B), int32, to states (B T H). Those that `ner.nn.cutting` says
# to have states at the borders of pieces also take `BorderStates`.
ENCODERS: dict[type[nn.Module], Callable[..., str]] = {
    RecurrentEncoder: recurrent,
    MinimalRNN: minimal,
    DilatedCNN: dilated,
    SelfAttention: self_attention,
    EncoderStack: encoder_stack,
}


def run_directions(
    graph: GraphBuilder, layers: Sequence[Any], x: str, lengths: str, entering: Sequence[str] = ()
) -> list[str]:
    """Run one LSTM or GRU layer in one direction or in both.

    Args:
        graph: The graph to add to.
        layers: The layer that reads forwards, and the one that reads backwards if there is one.
        x: What they read (T B E).
        lengths: int32 (B). States stop there, and outputs after it are zero.
        entering: The parts of the state before the first token (D B H); by default they are zero.

    Returns:
        All states (T D B H), and the parts of the last one (D B H); D counts the directions.
    """
    kind = type(layers[0])
    attributes: dict[str, Any] = ATTRIBUTES[kind]
    read = _copied_weights if graph.has_copies else _stored_weights
    return graph.node_of_several(
        kind.__name__,
        x,
        *read(graph, layers, GATES[kind]),
        lengths,
        *entering,
        count=1 + PARTS[kind],
        direction="bidirectional" if len(layers) == 2 else "forward",
        hidden_size=layers[0].hidden_size,
        **attributes,
    )


def _copied_weights(
    graph: GraphBuilder, layers: Sequence[Any], gates: tuple[int, ...]
) -> list[str]:
    """Keep the weights of each direction in the graph, in ONNX's order."""
    arrays = [_recurrent_weights(layer, gates) for layer in layers]
    return [graph.constant(np.stack(each)) for each in zip(*arrays, strict=True)]


def _stored_weights(
    graph: GraphBuilder, layers: Sequence[Any], gates: tuple[int, ...]
) -> list[str]:
    """Compute the same from the file of weights, but for the biases, when the graph is loaded."""
    rows = np.split(np.arange(len(layers[0].weight_ih_l0)), len(gates))
    order = graph.constant(np.concatenate([rows[gate] for gate in gates]))

    def read(layer: Any, name: str) -> str:
        weights = graph.weights(getattr(layer, name))
        if name == "weight_hh_l0" and layer.proj_size:
            weights = graph.node("MatMul", weights, graph.weights(layer.weight_hr_l0))
        ordered = graph.node("Gather", weights, order)
        return graph.node("Unsqueeze", ordered, graph.integers(0))

    names = ("weight_ih_l0", "weight_hh_l0")
    weights = [graph.concatenate([read(layer, n) for layer in layers], axis=0) for n in names]
    biases = np.stack([_recurrent_weights(layer, gates)[2] for layer in layers])
    return [*weights, graph.constant(biases)]


def _recurrent_weights(layer: Any, gates: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """List the weights of inputs, those of states, and both biases end to end, in ONNX's order.

    ONNX has no projections. But gates multiply the projected state by a matrix, and the product of
    that matrix and the projection does the same in one step.
    """
    arrays = {name: to_numpy(tensor) for name, tensor in layer.named_parameters()}
    projection = arrays.pop("weight_hr_l0", None)
    if projection is not None:
        arrays["weight_hh_l0"] = arrays["weight_hh_l0"] @ projection
    ordered = {
        name: np.concatenate([np.split(array, len(gates))[gate] for gate in gates])
        for name, array in arrays.items()
    }
    biases = np.concatenate([ordered["bias_ih_l0"], ordered["bias_hh_l0"]])
    return [ordered["weight_ih_l0"], ordered["weight_hh_l0"], biases]


def _minimal_states(
    graph: GraphBuilder, module: MinimalRNN, products: str, lengths: str, entering: Sequence[str]
) -> tuple[str, str]:
    """Compute all states (T B H) and the last ones (D B H) of a layer.

    Args:
        graph: The graph to add to.
        module: The encoder.
        products: Its gates and candidates, which lie end to end (T B 2H or 3H).
        lengths: int32 (B).
        entering: The state before the first token (D B H); nothing if it is zero.
    """
    *gates, candidates = split_features(graph, products, PRODUCTS[module.cell], module.size)
    if module.cell == "mingru":
        decays = graph.node("Sigmoid", graph.node("Neg", gates[0]))
        share = graph.node("Sigmoid", gates[0])
    else:
        lowest, one = graph.number(LOWEST_GATE), graph.number(1)
        powers = [graph.node("Neg", graph.node("Max", gate, lowest)) for gate in gates]
        forget, enter = (graph.node("Add", one, graph.node("Exp", power)) for power in powers)
        total = graph.node("Add", forget, enter)
        decays, share = (graph.node("Div", each, total) for each in (enter, forget))
    added = graph.node("Mul", share, candidates)
    count = 2 if module.bidirectional else 1
    width = module.size // count
    if entering:
        (start,) = entering
    else:
        numbers = graph.integers(count), graph.node("Shape", lengths), graph.integers(width)
        zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
        start = graph.node("ConstantOfShape", graph.concatenate(numbers, axis=0), value=zero)
    shares = (split_features(graph, each, count, width) for each in (decays, added))
    scans: list[list[str]] = []
    for direction, (decay, addend) in enumerate(zip(*shares, strict=True)):
        first = graph.node("Gather", start, graph.constant(np.array(direction)), axis=0)
        scans.append(_scan(graph, first, decay, addend, width, direction))
    lasts, states = zip(*scans, strict=True)
    zeroth = graph.integers(0)
    rows = [graph.node("Unsqueeze", last, zeroth) for last in lasts]
    return graph.concatenate(states, axis=2), graph.concatenate(rows, axis=0)


def _scan(
    graph: GraphBuilder, start: str, decays: str, added: str, width: int, direction: int
) -> list[str]:
    """Go from token to token: forwards if `direction` is 0, backwards if it is 1.

    Returns:
        The last state (B H), and all states (T B H).
    """
    return graph.node_of_several(
        "Scan",
        start,
        decays,
        added,
        count=2,
        body=_scan_step(width),
        num_scan_inputs=2,
        scan_input_directions=[direction, direction],
        scan_output_directions=[direction],
    )


def _scan_step(width: int) -> GraphProto:
    """Build the graph of one step: the state decays, and the addend is added."""
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


def _windows(graph: GraphBuilder, x: str, dilation: int) -> str:
    """Join the vectors before, at and after each token."""
    ends = graph.integers(dilation, 0, 0, dilation, 0, 0)
    padded = graph.node("Pad", x, ends)
    before = slice_axis(graph, padded, 0, -2 * dilation, axis=0)
    after = slice_axis(graph, padded, 2 * dilation, np.iinfo(np.int64).max, axis=0)
    return graph.node("Concat", before, x, after, axis=2)
