import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ner.inference.graph_check import DEEPEST, check_graph
from ner.model_folder import WEIGHTS
from tests.test_testing import GOLDEN

PORT = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])


def model(*nodes, initializers=(), **others):
    graph = helper.make_graph(nodes, "graph", [PORT], [PORT], initializers)
    return helper.make_model(graph, **others).SerializeToString()


def body(*nodes):
    return helper.make_graph(nodes, "body", [PORT], [PORT])


def external(location):
    tensor = TensorProto(name="w", dims=[1], data_type=1, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def refusal(content):
    with pytest.raises(ValueError) as error:
        check_graph(content, WEIGHTS)
    return str(error.value)


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.rglob("*.onnx")), ids=lambda p: f"{p.parts[-3]}, {p.name}"
)
def test_our_own_graphs_pass(path):
    check_graph(path.read_bytes(), WEIGHTS)


def test_a_scan_passes_but_a_loop_does_not_wherever_it_is():
    loop = helper.make_node("Loop", ["x"], ["y"], body=body())
    scan = helper.make_node("Scan", ["x"], ["y"], body=body(), num_scan_inputs=1)
    check_graph(model(scan), WEIGHTS)
    assert refusal(model(loop)) == "one with a loop"
    hidden = helper.make_node("If", ["x"], ["y"], then_branch=body(loop), else_branch=body())
    assert refusal(model(hidden)) == "one with a loop"


def test_functions_are_refused():
    function = helper.make_function("own", "f", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
    assert refusal(model(functions=[function])) == "one with functions"


@pytest.mark.parametrize("location", ["/dev/zero", "../model.safetensors", "pipe", ""])
def test_graphs_that_read_other_files_are_refused(location):
    check_graph(model(initializers=[external(WEIGHTS)]), WEIGHTS)
    words = "one that reads another file than the weights"
    assert refusal(model(initializers=[external(location)])) == words
    constant = helper.make_node("Constant", [], ["y"], value=external(location))
    assert refusal(model(constant)) == words


def test_sparse_weights_are_refused():
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    indices = numpy_helper.from_array(np.zeros(1, np.int64))
    sparse = helper.make_sparse_tensor(values, indices, [3])
    constant = helper.make_node("Constant", [], ["y"], sparse_value=sparse)
    assert refusal(model(constant)) == "sparse weights"


def test_graphs_within_graphs_end():
    inner = body()
    for _ in range(DEEPEST):
        inner = body(helper.make_node("If", ["x"], ["y"], then_branch=inner))
    assert refusal(model(helper.make_node("If", ["x"], ["y"], then_branch=inner))).startswith(
        "graphs within graphs"
    )


@pytest.mark.parametrize(
    "content",
    [b"\x0f", b"\x3a\x05ab", b"\x08", b"\x08" + b"\xff" * 11, b"\x09\x00"],
    ids=["unknown kind", "cut off", "no number", "endless number", "half a number"],
)
def test_damaged_files_are_refused(content):
    assert refusal(content) == "a damaged file"
