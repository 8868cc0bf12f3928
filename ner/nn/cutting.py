"""Says how the network of a model can be cut at tokens, so that long texts go through in pieces.

This is the one place that knows it: a graph for ONNX Runtime carries the answer.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ner.nn.embeddings import BigramEmbedding, ColumnEmbedding, Embedder
from ner.nn.encoders import DilatedCNN, MinimalRNN, RecurrentEncoder
from ner.nn.heads import ClassifierHead, CRFHead, SoftmaxHead
from ner.nn.model import Model
from ner.tasks.base import Cut

# How encoders can be cut. One that attends to a whole text is not among them.
CUTS: dict[type[nn.Module], Callable[[Any], Cut]] = {
    RecurrentEncoder: lambda encoder: Cut(0, encoder.border_shape),
    MinimalRNN: lambda encoder: Cut(0, encoder.border_shape),
    DilatedCNN: lambda encoder: Cut(encoder.reach),
}

# What reads nothing but the arrays and the states of a token itself, or states alone.
TOKEN_PARTS = {ColumnEmbedding, BigramEmbedding}
HEADS = {CRFHead, SoftmaxHead, ClassifierHead}


def find_cut(network: Model) -> Cut | None:
    """Return how a network can be cut; None if pieces would not get what the whole text gets.

    A component of a user, also a subclass of ours, may read what it likes, so it cannot be cut.
    """
    embedder: Any = network.embedder
    is_known = type(network) is Model and type(embedder) is Embedder and type(network.head) in HEADS
    if not is_known or any(type(part) not in TOKEN_PARTS for part in embedder.token_parts.values()):
        return None
    encoder: Any = network.encoder
    find = CUTS.get(type(encoder))
    return find and find(encoder)
