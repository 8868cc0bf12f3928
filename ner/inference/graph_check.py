"""Look into a graph before ONNX Runtime does: what it computes must end, and stay in its folder.

A graph is a program. With loops it could run for ever; functions could hide loops; and weights
"outside of the graph" could be any file, such as a pipe that is waited for. The graphs that
`ner.exporting` writes have neither.

The file is read as protocol buffers without the package onnx, which tagging does not need.
Source: https://protobuf.dev/programming-guides/encoding, and onnx.proto of ONNX 1.12.
"""

from collections.abc import Iterator

# Operators that run as often as the graph likes.
ENDLESS = (b"Loop",)

# Graphs within graphs at most.
DEEPEST = 8

# Numbers of fields in onnx.proto.
MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_SPARSE = 1, 5, 15
NODE_OPERATOR, NODE_ATTRIBUTE = 4, 5
ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS, ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
TENSOR_NAME, TENSOR_EXTERNAL = 8, 13
ENTRY_KEY, ENTRY_VALUE = 1, 2

# Kinds of fields: a number of any length, eight bytes, a field with its length, four bytes.
NUMBER, EIGHT, SIZED, FOUR = 0, 1, 2, 5


def check_graph(content: bytes, weights: str) -> None:
    """Refuse a graph that may not end, or that reads another file than the weights.

    Args:
        content: The content of a file with an ONNX model.
        weights: The name of the only other file that the graph may read.

    Raises:
        ValueError: The graph is refused, or damaged; the message says what it has.
    """
    for field, value in _fields(memoryview(content)):
        if field == MODEL_FUNCTIONS:
            raise ValueError("one with functions")
        if field == MODEL_GRAPH:
            _check_graph(value, weights.encode(), DEEPEST)


def outside_names(content: bytes) -> Iterator[str]:
    """Yield the names of the weights of a graph that are in another file.

    Args:
        content: The content of a file that `check_graph` has let pass.
    """
    for field, graph in _fields(memoryview(content)):
        for inner, tensor in _fields(graph) if field == MODEL_GRAPH else ():
            if inner == GRAPH_INITIALIZER:
                facts = dict(_fields(tensor))
                if TENSOR_EXTERNAL in facts and TENSOR_NAME in facts:
                    yield bytes(facts[TENSOR_NAME]).decode("utf-8", "replace")


def _check_graph(graph: memoryview, weights: bytes, depth: int) -> None:
    if not depth:
        raise ValueError(f"graphs within graphs, more than {DEEPEST} times")
    for field, value in _fields(graph):
        if field == GRAPH_NODE:
            _check_node(value, weights, depth)
        elif field == GRAPH_INITIALIZER:
            _check_tensor(value, weights)
        elif field == GRAPH_SPARSE:
            raise ValueError("sparse weights")


def _check_node(node: memoryview, weights: bytes, depth: int) -> None:
    for field, value in _fields(node):
        if field == NODE_OPERATOR and bytes(value) in ENDLESS:
            raise ValueError("one with a loop")
        if field != NODE_ATTRIBUTE:
            continue
        for kind, inner in _fields(value):
            if kind in ATTRIBUTE_GRAPHS:
                _check_graph(inner, weights, depth - 1)
            elif kind in ATTRIBUTE_TENSORS:
                _check_tensor(inner, weights)
            elif kind in ATTRIBUTE_SPARSE:
                raise ValueError("sparse weights")


def _check_tensor(tensor: memoryview, weights: bytes) -> None:
    for field, value in _fields(tensor):
        if field == TENSOR_EXTERNAL:
            entry = {key: bytes(inner) for key, inner in _fields(value)}
            if entry.get(ENTRY_KEY) == b"location" and entry.get(ENTRY_VALUE) != weights:
                raise ValueError("one that reads another file than the weights")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the content of each field of a message; numbers have no content.

    Raises:
        ValueError: The message is damaged.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _number(message, at)
        field, kind = tag >> 3, tag & 7
        start = at
        if kind == NUMBER:
            _, start = _number(message, at)
            at = start
        elif kind == SIZED:
            length, start = _number(message, at)
            at = start + length
        elif kind in (EIGHT, FOUR):
            start = at = at + (8 if kind == EIGHT else 4)
        else:
            raise ValueError("a damaged file")
        if at > end:
            raise ValueError("a damaged file")
        yield field, message[start:at]


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """Read a number of up to ten bytes; return it and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a damaged file")
