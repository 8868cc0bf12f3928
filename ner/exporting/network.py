"""Networks as graphs: one for vectors of words, one from there to scores.

The graph of words computes a vector for each distinct word (U E). The graph of the model reads
these as `rows`, looks up those of each token, and computes what the head does. Both lie beside the
file of weights and share its tables.
"""

from pathlib import Path
from typing import Any

from onnx import TensorProto
from torch import Tensor

from ner.errors import ConfigError
from ner.exporting.embeddings import TOKEN_EMBEDDINGS, WORD_EMBEDDINGS
from ner.exporting.encoders import ENCODERS, BorderStates
from ner.exporting.graph import GraphBuilder, Port, WeightFile, check_type, find_builder
from ner.exporting.heads import HEADS
from ner.exporting.int8 import quantize, quantize_products
from ner.exporting.transformer import build_transformer_graph
from ner.inference.onnx_runtime import LEAVING, OVERLAP_KEY
from ner.inference.onnx_transformer import CONTEXTUAL, STATES
from ner.model_folder import (
    INT8_GRAPH,
    MODEL_GRAPH,
    TRANSFORMER_GRAPHS,
    WEIGHTS,
    WORDS_GRAPH,
    ModelFolder,
)
from ner.nn.cutting import find_cut
from ner.nn.embeddings import Embedder
from ner.nn.heads import ClassifierHead
from ner.nn.model import Model
from ner.nn.runtime import load_network
from ner.nn.transformer import Transformer

INT32, INT64, FLOAT = TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT


def write_graphs(folder: Path, model: ModelFolder, *, int8: bool = False) -> None:
    """Write the network of a model as graphs for `ner.inference.onnx_runtime`.

    Args:
        folder: The folder that has the weights of the model already.
        model: The model.
        int8: Write a second graph with weights of eight bits, too.

    Raises:
        ConfigError: The network has a component that cannot be written as a graph, or none that
            can be quantized.
    """
    network = load_network(model)
    graphs = build_graphs(folder, network, model)
    if int8:
        copied = build_graphs(folder, network, model, copies=True)
        graphs[INT8_GRAPH] = quantize(copied[MODEL_GRAPH])
        if TRANSFORMER_GRAPHS["fp32"] in copied:
            products = quantize_products(copied[TRANSFORMER_GRAPHS["fp32"]])
            graphs[TRANSFORMER_GRAPHS["int8"]] = products
    for name, content in graphs.items():
        (folder / name).write_bytes(content)


def build_graphs(
    folder: Path, network: Model, model: ModelFolder, *, copies: bool | None = None
) -> dict[str, bytes]:
    """Build the graphs of a network, as the content of files by their names.

    Args:
        folder: The folder that has its weights already.
        network: The network, in evaluation mode or not.
        model: Its featurizer and its task.
        copies: See `GraphBuilder`.

    Raises:
        ConfigError: The network has a component that cannot be written as a graph.
    """
    embedder: Any = network.embedder
    check_type(network, [Model], "network")
    check_type(embedder, [Embedder], "embedder")
    weights = WeightFile(folder / WEIGHTS)
    names: dict[Tensor, str] = {tensor: name for name, tensor in network.named_parameters()}
    words = GraphBuilder(_word_inputs(model), weights, names)
    vectors = [
        find_builder(WORD_EMBEDDINGS, each, f"embedder.{name}")(words, each)
        for name, each in embedder.word_parts.items()
    ]
    size = sum(each.size for each in embedder.word_parts.values())
    rows = words.concatenate(vectors, axis=1) if vectors else _no_numbers(words)
    transformers = [m for m in embedder.token_parts.values() if type(m) is Transformer]
    contextual = sum(each.size for each in transformers)
    ports = _token_inputs(model, size, contextual)
    whole = GraphBuilder(ports, weights, names, copies=copies)
    outputs = _outputs(whole, network, len(model.task.outputs))
    graphs = {
        WORDS_GRAPH: words.to_bytes((rows, ("rows", FLOAT, ("U", size)))),
        MODEL_GRAPH: whole.to_bytes(*outputs),
    }
    if len(transformers) > 1:
        raise ConfigError(
            "embedder: must have at most one transformer to be exported to ONNX. "
            f"Got {len(transformers)}."
        )
    for each in transformers:
        content = build_transformer_graph(each, weights, names, copies=copies)
        graphs[TRANSFORMER_GRAPHS["fp32"]] = content
    return graphs


def _no_numbers(graph: GraphBuilder) -> str:
    """Make vectors of words without any number (U 0), where only a transformer is read."""
    count = graph.node("Shape", graph.input("words"))
    shape = graph.concatenate([count, graph.integers(0)], axis=0)
    return graph.node("ConstantOfShape", shape)


def _word_inputs(model: ModelFolder) -> list[Port]:
    """List the arrays that `Featurizer.encode_words` may return."""
    ports: list[Port] = [
        ("words", INT32, ("U",)),
        ("characters", INT32, ("U", "W")),
        ("shapes", INT32, ("U",)),
        ("affixes", INT32, ("U", "A")),
    ]
    store = model.featurizer.vectors
    return ports if store is None else [*ports, ("vectors", FLOAT, ("U", store.size))]


def _token_inputs(model: ModelFolder, size: int, contextual: int) -> list[Port]:
    """List the arrays that a batch for tagging may have.

    Args:
        model: The model.
        size: Numbers of the vector of a word.
        contextual: Numbers of the vector that a transformer makes of a token; 0 without one.
    """
    return [
        ("rows", FLOAT, ("R", size)),
        ("tokens", INT64, ("B", "T")),
        ("lengths", INT32, ("B",)),
        ("columns", INT32, ("B", "T", len(model.featurizer.columns))),
        ("bigrams", INT32, ("B", "T", 2)),
        ("sentence_ids", INT32, ("B", "T")),
        (CONTEXTUAL, FLOAT, ("B", "T", contextual)),
    ]


def _outputs(graph: GraphBuilder, network: Model, count: int) -> list[tuple[str, Port]]:
    """List the outputs of the head, whose scores are of `count` tags or classes."""
    embedder: Any = network.embedder
    vectors: list[str] = []
    if embedder.word_parts:
        # Encoders read the tokens first. Indices are transposed faster than vectors.
        tokens = graph.node("Transpose", graph.input("tokens"), perm=[1, 0])
        vectors.append(graph.node("Gather", graph.input("rows"), tokens))
    for name, each in embedder.token_parts.items():
        vectors.append(find_builder(TOKEN_EMBEDDINGS, each, f"embedder.{name}")(graph, each))
    embedded = graph.concatenate(vectors, axis=2)
    lengths = graph.input("lengths")
    encoder: Any = network.encoder
    cut = find_cut(network)
    borders: list[BorderStates] = []
    if cut is not None:
        graph.facts[OVERLAP_KEY] = str(cut.overlap)
        if cut.border_shape is not None:
            borders.append(BorderStates(graph, cut.border_shape, lengths))
    build = find_builder(ENCODERS, encoder, "encoder")
    hidden = build(graph, encoder, embedded, lengths, *borders)
    head: Any = network.head
    values = find_builder(HEADS, head, "head")(graph, head, hidden, lengths)
    axes: dict[str, tuple[str | int, ...]]
    if isinstance(head, ClassifierHead):
        pooling: Any = head.pooling
        axes = {
            "logits": ("B", count),
            "attention": ("B", pooling.num_heads, "T"),
            STATES: ("B", "T", encoder.size),
        }
        values[STATES] = hidden
    else:
        axes = {"emissions": ("B", "T", count)}
    if borders:
        values[LEAVING] = borders[0].leaving()
        *outer, _, width = borders[0].shape
        axes[LEAVING] = (*outer, "B", width)
    return [(value, (name, FLOAT, axes[name])) for name, value in values.items()]
