"""Heads as nodes of a graph, one function for each module of `ner.nn.heads`.

All read states (B T H) and lengths (B), int32, and return outputs by the names that
`ner.nn.heads.Head.outputs` has for them.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ner.exporting.graph import GraphBuilder
from ner.exporting.layers import linear, to_int64
from ner.exporting.pooling import pool
from ner.nn.heads import ClassifierHead, CRFHead, SoftmaxHead


def crf_head(graph: GraphBuilder, module: CRFHead, hidden: str, lengths: str) -> dict[str, str]:
    """Score the tags of each token. The best path is found outside of the graph."""
    return {"emissions": linear(graph, module.projection, hidden)}


def softmax_head(
    graph: GraphBuilder, module: SoftmaxHead, hidden: str, lengths: str
) -> dict[str, str]:
    """Compute the log-probabilities of the tags of each token."""
    scores = linear(graph, module.projection, hidden)
    return {"emissions": graph.node("LogSoftmax", scores, axis=-1)}


def classifier_head(
    graph: GraphBuilder, module: ClassifierHead, hidden: str, lengths: str
) -> dict[str, str]:
    """Score the labels of each text.

    Hierarchical pooling also reads the input `sentence_ids` (B T).
    """
    pooled = pool(graph, module.pooling, hidden, to_int64(graph, lengths))
    outputs = {"logits": linear(graph, module.projection, pooled.vectors)}
    if pooled.attention is not None:
        outputs["attention"] = pooled.attention
    return outputs


HEADS: dict[type[nn.Module], Callable[[GraphBuilder, Any, str, str], dict[str, str]]] = {
    CRFHead: crf_head,
    SoftmaxHead: softmax_head,
    ClassifierHead: classifier_head,
}
