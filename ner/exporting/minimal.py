"""minGRU and minLSTM as nodes of a graph: products of all tokens at once, then a scan over states.

Source: https://onnx.ai/onnx/operators/onnx__Scan.html
"""

import numpy as np
from onnx import GraphProto, TensorProto, helper

from ner.exporting.graph import GraphBuilder
from ner.exporting.layers import inside, linear, parts, run_layers, swapped, zero_behind
from ner.nn.encoders import MinimalRNN
from ner.nn.encoders.minimal import LOWEST_GATE, PARTS


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
    *gates, candidates = parts(graph, products, PARTS[module.cell], module.size)
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
