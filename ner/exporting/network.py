"""From a network in torch to the graphs of its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto
from torch import Tensor, nn

from ner.exporting.embeddings import WORD_PARTS
from ner.exporting.encoders import dilated, minimal, recurrent, self_attention
from ner.exporting.graph import GraphBuilder, Port, WeightFile, check_kind, chosen, numbers
from ner.exporting.int8 import quantize
from ner.exporting.layers import linear, swapped
from ner.exporting.pooling import classifier_head
from ner.model_folder import INT8_GRAPH, MODEL_GRAPH, WEIGHTS, WORDS_GRAPH, ModelFolder
from ner.nn.embeddings import BigramEmbedding, ColumnEmbedding, Embedder
from ner.nn.encoders import DilatedCNN, EncoderStack, MinimalRNN, RecurrentEncoder, SelfAttention
from ner.nn.heads import ClassifierHead, CRFHead, SoftmaxHead
from ner.nn.model import Model
from ner.nn.runtime import load_network

INT32, INT64, FLOAT = TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT


def column_embedding(graph: GraphBuilder, module: ColumnEmbedding) -> str:
    """Take the rows of a token's columns (T B E), all from one table."""
    tables = [numbers(table) for table in module.tables.parameters()]
    first_rows = np.cumsum([0, *map(len, tables[:-1])]).astype(np.int32)
    rows = graph.node("Add", graph.input("columns"), graph.constant(first_rows))
    across = graph.node("Transpose", rows, perm=[1, 0, 2])
    vectors = graph.node("Gather", graph.constant(np.concatenate(tables)), across)
    return graph.node("Reshape", vectors, graph.constant(np.array([0, 0, module.size])))


def bigram_embedding(graph: GraphBuilder, module: BigramEmbedding) -> str:
    """Take the rows of a token's pairs with its neighbours (T B E)."""
    across = graph.node("Transpose", graph.input("bigrams"), perm=[1, 0, 2])
    vectors = graph.node("Gather", graph.table(module.table.weight), across)
    return graph.node("Reshape", vectors, graph.constant(np.array([0, 0, module.size])))


def encoder_stack(graph: GraphBuilder, module: EncoderStack, embedded: str, lengths: str) -> str:
    """Let each encoder read what the one before it gives."""
    hidden = embedded
    for i, encoder in enumerate(module.encoders):
        if i:
            hidden = swapped(graph, hidden)
        write = chosen(ENCODERS, encoder, f"encoder.{i}")
        hidden = write(graph, encoder, hidden, lengths)
    return hidden


def crf_head(graph: GraphBuilder, module: CRFHead, hidden: str, lengths: str) -> dict[str, str]:
    """Score tags; steps between them are left to the lattice."""
    return {"emissions": linear(graph, module.projection, hidden)}


def softmax_head(
    graph: GraphBuilder, module: SoftmaxHead, hidden: str, lengths: str
) -> dict[str, str]:
    """Give the log-probabilities of tags."""
    scores = linear(graph, module.projection, hidden)
    return {"emissions": graph.node("LogSoftmax", scores, axis=-1)}


# What can be exported, beside `WORD_PARTS`.
TOKEN_PARTS: dict[type[nn.Module], Callable[[GraphBuilder, Any], str]] = {
    ColumnEmbedding: column_embedding,
    BigramEmbedding: bigram_embedding,
}

# From embedded tokens, time first (T B E), and lengths (B), int32, to (B T H).
ENCODERS: dict[type[nn.Module], Callable[[GraphBuilder, Any, str, str], str]] = {
    RecurrentEncoder: recurrent,
    MinimalRNN: minimal,
    DilatedCNN: dilated,
    SelfAttention: self_attention,
    EncoderStack: encoder_stack,
}

# From (B T H) and lengths (B), int32, to outputs by name, see `ner.nn.heads.Head`.
HEADS: dict[type[nn.Module], Callable[[GraphBuilder, Any, str, str], dict[str, str]]] = {
    CRFHead: crf_head,
    SoftmaxHead: softmax_head,
    ClassifierHead: classifier_head,
}


def write_graphs(folder: Path, parts: ModelFolder, *, int8: bool = False) -> None:
    """Write the network of a model for `ner.inference.onnx_runtime`.

    Args:
        folder: Where the weights of the model are already.
        parts: The model.
        int8: Write it with weights of eight bits as well.

    Raises:
        ConfigError: The network has a part that cannot be written as a graph, or as one in int8.
    """
    graphs = build_graphs(folder, load_network(parts), parts)
    if int8:
        graphs[INT8_GRAPH] = quantize(graphs[MODEL_GRAPH])
    for name, content in graphs.items():
        (folder / name).write_bytes(content)


def build_graphs(folder: Path, model: Model, parts: ModelFolder) -> dict[str, bytes]:
    """Make the graphs of a network, as the content of files by their names.

    Args:
        folder: Where its weights are already.
        model: The network, in evaluation mode or not.
        parts: Its featurizer and its task.
    """
    embedder: Any = model.embedder
    check_kind(model, [Model], "network")
    check_kind(embedder, [Embedder], "embedder")
    weights = WeightFile(folder / WEIGHTS)
    names: dict[Tensor, str] = {tensor: name for name, tensor in model.named_parameters()}
    words = GraphBuilder(_word_inputs(parts), weights, names)
    rows = words.concatenate(
        [
            chosen(WORD_PARTS, part, f"embedder.{name}")(words, part)
            for name, part in embedder.word_parts.items()
        ],
        axis=1,
    )
    size = sum(part.size for part in embedder.word_parts.values())
    whole = GraphBuilder(_token_inputs(parts, size), weights, names)
    outputs = _outputs(whole, model, len(parts.task.outputs))
    return {
        WORDS_GRAPH: words.to_bytes(rows, ("rows", FLOAT, ("U", size))),
        MODEL_GRAPH: whole.to_bytes(*outputs[0], *outputs[1:]),
    }


def _word_inputs(parts: ModelFolder) -> list[Port]:
    """List what `Featurizer.encode_words` may give."""
    ports: list[Port] = [
        ("words", INT32, ("U",)),
        ("characters", INT32, ("U", "W")),
        ("shapes", INT32, ("U",)),
        ("affixes", INT32, ("U", "A")),
    ]
    store = parts.featurizer.vectors
    return ports if store is None else [*ports, ("vectors", FLOAT, ("U", store.size))]


def _token_inputs(parts: ModelFolder, size: int) -> list[Port]:
    """List what a batch for tagging holds."""
    return [
        ("rows", FLOAT, ("R", size)),
        ("tokens", INT64, ("B", "T")),
        ("lengths", INT32, ("B",)),
        ("columns", INT32, ("B", "T", len(parts.featurizer.columns))),
        ("bigrams", INT32, ("B", "T", 2)),
        ("parts", INT32, ("B", "T")),
    ]


def _outputs(graph: GraphBuilder, model: Model, count: int) -> list[tuple[str, Port]]:
    """List values and ports of what the head gives, scores of `count` tags or classes first."""
    # Recurrent operators want time first; indices are turned around faster than vectors.
    across = graph.node("Transpose", graph.input("tokens"), perm=[1, 0])
    vectors = [graph.node("Gather", graph.input("rows"), across)]
    embedder: Any = model.embedder
    for name, part in embedder.token_parts.items():
        vectors.append(chosen(TOKEN_PARTS, part, f"embedder.{name}")(graph, part))
    embedded = graph.concatenate(vectors, axis=2)
    lengths = graph.input("lengths")
    head: Any = model.head
    hidden = chosen(ENCODERS, model.encoder, "encoder")(graph, model.encoder, embedded, lengths)
    found = chosen(HEADS, head, "head")(graph, head, hidden, lengths)
    axes: dict[str, tuple[str | int, ...]]
    if isinstance(head, ClassifierHead):
        pooling: Any = head.pooling
        axes = {"logits": ("B", count), "attention": ("B", pooling.num_heads, "T")}
    else:
        axes = {"emissions": ("B", "T", count)}
    return [(value, (name, FLOAT, axes[name])) for name, value in found.items()]
