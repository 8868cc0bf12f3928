"""Pretrained encoders as graphs: sub-words in, one vector for each of them out.

An encoder has a graph of its own, `transformer.onnx`, since it reads windows, of which a sentence
may have several. Its matrices stay in the file of weights; the graph has no copy of them. Written
are encoders that are built like BERT, which most are: learned positions, attention and two
products a layer, each followed by a sum and a normalization. For others there is no graph.

Axes: **M** windows, **S** sub-words of the longest, **E** a state, **N** heads, **D** a head.

Source: Devlin et al., "BERT", NAACL 2019, section 3; Vaswani et al., "Attention is all you need",
NIPS 2017, section 3.2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import TensorProto
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.exporting.graph import LOWEST, GraphBuilder, Port, WeightFile, to_numpy
from ner.exporting.layers import count_elements, layer_norm
from ner.inference.onnx_transformer import STATES
from ner.nn.pretrained import first_position
from ner.nn.transformer import MEAN_LAYERS, Transformer

INPUTS: list[Port] = [
    ("pieces", TensorProto.INT64, ("M", "S")),
    ("piece_lengths", TensorProto.INT64, ("M",)),
]


@dataclass(frozen=True)
class Block:
    """The parts of a layer, in the order in which they compute.

    Args:
        products: From states to queries, keys and values.
        mix: From the attended values to what is added to the states.
        attended: Normalizes that sum.
        widen: From states to the wide layer.
        narrow: From the wide layer to what is added to the states.
        widened: Normalizes that sum.
    """

    products: tuple[Any, Any, Any]
    mix: Any
    attended: nn.Module
    widen: Any
    narrow: Any
    widened: nn.Module


@dataclass(frozen=True)
class Anatomy:
    """The parts of an encoder.

    Args:
        embeddings: Has tables of sub-words, positions and perhaps types, and a normalization.
        projection: From embeddings to states; None where both have one width.
        blocks: The layers.
        heads: Heads of attention.
        activation: The name of the function of the wide layer.
    """

    embeddings: Any
    projection: Any
    blocks: Sequence[Block]
    heads: int
    activation: str


def _of_bert(encoder: Any) -> Anatomy:
    blocks = [
        Block(
            (each.attention.self.query, each.attention.self.key, each.attention.self.value),
            each.attention.output.dense,
            each.attention.output.LayerNorm,
            each.intermediate.dense,
            each.output.dense,
            each.output.LayerNorm,
        )
        for each in encoder.encoder.layer
    ]
    projection = getattr(encoder, "embeddings_project", None)
    config = encoder.config
    heads, activation = config.num_attention_heads, config.hidden_act
    return Anatomy(encoder.embeddings, projection, blocks, heads, activation)


def _of_distilbert(encoder: Any) -> Anatomy:
    blocks = [
        Block(
            (each.attention.q_lin, each.attention.k_lin, each.attention.v_lin),
            each.attention.out_lin,
            each.sa_layer_norm,
            each.ffn.lin1,
            each.ffn.lin2,
            each.output_layer_norm,
        )
        for each in encoder.transformer.layer
    ]
    config = encoder.config
    return Anatomy(encoder.embeddings, None, blocks, config.n_heads, config.activation)


# By the names of classes, as the library itself is imported only where an encoder needs it.
ANATOMIES: dict[str, Callable[[Any], Anatomy]] = {
    **dict.fromkeys(
        ("BertModel", "RobertaModel", "XLMRobertaModel", "CamembertModel", "ElectraModel"), _of_bert
    ),
    "DistilBertModel": _of_distilbert,
}


def _gelu(graph: GraphBuilder, x: str) -> str:
    """Compute the exact GELU, in the shape that ONNX Runtime knows as one operator."""
    error = graph.node("Erf", graph.node("Div", x, graph.number(math.sqrt(2))))
    share = graph.node("Add", error, graph.number(1))
    return graph.node("Mul", graph.node("Mul", x, share), graph.number(0.5))


ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "gelu": _gelu,
    "relu": lambda graph, x: graph.node("Relu", x),
}


def build_transformer_graph(
    transformer: Transformer,
    weights: WeightFile,
    names: dict[Tensor, str],
    *,
    copies: bool | None = None,
) -> bytes:
    """Write the graph of a pretrained encoder.

    Args:
        transformer: The embedding that it belongs to.
        weights: See `GraphBuilder`, like the following ones.
        names: See there.
        copies: See there.

    Raises:
        ConfigError: The encoder is built in another way.
    """
    anatomy = _anatomy(transformer.encoder)
    graph = GraphBuilder(INPUTS, weights, names, copies=copies)
    states = _Encoder(graph, anatomy, transformer.encoder).states()
    axes = ("M", "S", transformer.size)
    # As a list of vectors (M S, E), which is what products read.
    found = _chosen(graph, transformer, states)
    shape = graph.concatenate([graph.node("Shape", "pieces"), graph.integers(-1)], axis=0)
    whole = graph.node("Reshape", found, shape)
    return graph.to_bytes((whole, (STATES, TensorProto.FLOAT, axes)))


def _anatomy(encoder: nn.Module) -> Anatomy:
    """Find the parts of an encoder.

    Raises:
        ConfigError: It is built in another way.
    """
    kind = type(encoder).__name__
    config: Any = encoder.config
    where = "to be exported to ONNX"
    is_decoder = getattr(config, "is_decoder", False)
    if kind not in ANATOMIES or is_decoder:
        raise ConfigError(
            f"transformer.path: must be an encoder like {', '.join(ANATOMIES)} {where}. "
            f"Got {kind}{' as a decoder' if is_decoder else ''}."
        )
    anatomy = ANATOMIES[kind](encoder)
    if anatomy.activation not in ACTIVATIONS:
        raise ConfigError(
            f"transformer.path: must be an encoder with {' or '.join(ACTIVATIONS)} {where}. "
            f"Got one with {anatomy.activation}."
        )
    return anatomy


def _chosen(graph: GraphBuilder, transformer: Transformer, states: Sequence[str]) -> str:
    """Make one state of those of the embeddings and of all layers, as the embedding says."""
    if transformer.mix is not None:
        mix = transformer.mix
        shares = to_numpy(mix.weights.softmax(0) * mix.factor)
        parts = [
            graph.node("Mul", each, graph.number(float(share)))
            for each, share in zip(states, shares, strict=True)
        ]
        return graph.node("Sum", *parts)
    last = states[1:][-1:] if transformer.layers == "last" else states[1:][-MEAN_LAYERS:]
    return last[0] if len(last) == 1 else graph.node("Mean", *last)


class _Encoder:
    """Writes the nodes of an encoder."""

    def __init__(self, graph: GraphBuilder, anatomy: Anatomy, encoder: nn.Module) -> None:
        self.graph = graph
        self.anatomy = anatomy
        self.first_position = first_position(encoder)
        pieces = graph.input("pieces")
        longest = graph.node("Shape", pieces, start=1, end=2)
        # Shapes of states by head (M S N D), and of all as a list (M S, E).
        heads = graph.integers(anatomy.heads, -1)
        self.by_head = graph.concatenate([graph.node("Shape", pieces), heads], axis=0)
        places = count_elements(graph, pieces, axis=1)
        lengths = graph.node("Unsqueeze", graph.input("piece_lengths"), graph.integers(1))
        known = graph.node("Less", places, lengths)
        scores = graph.node("Where", known, graph.number(0), graph.number(LOWEST))
        # Axes: window x head (1) x what attends (1) x what is attended to.
        self.mask = graph.node("Unsqueeze", scores, graph.integers(1, 2))
        self.places = places
        self.longest = longest

    def states(self) -> list[str]:
        """Compute the embeddings, and the states after each layer (M S, E)."""
        states = [self._embed()]
        for block in self.anatomy.blocks:
            states.append(self._layer(block, states[-1]))
        return states

    def _embed(self) -> str:
        graph, tables = self.graph, self.anatomy.embeddings
        words = graph.rows(tables.word_embeddings.weight, "pieces")
        first = graph.integers(self.first_position)
        positions = graph.rows(
            tables.position_embeddings.weight, graph.node("Add", self.places, first)
        )
        types = getattr(tables, "token_type_embeddings", None)
        if types is not None:
            # All sub-words are of the first type.
            positions = graph.node("Add", positions, graph.constant(to_numpy(types.weight)[0]))
        size = tables.word_embeddings.weight.shape[1]
        normal = layer_norm(graph, tables.LayerNorm, graph.node("Add", words, positions))
        flat = graph.node("Reshape", normal, graph.integers(-1, size))
        projection = self.anatomy.projection
        return flat if projection is None else graph.product(projection, flat)

    def _layer(self, block: Block, states: str) -> str:
        graph = self.graph
        added = graph.product(block.mix, self._attend(block, states))
        attended = layer_norm(graph, block.attended, graph.node("Add", added, states))
        wide = ACTIVATIONS[self.anatomy.activation](graph, graph.product(block.widen, attended))
        added = graph.product(block.narrow, wide)
        return layer_norm(graph, block.widened, graph.node("Add", added, attended))

    def _attend(self, block: Block, states: str) -> str:
        graph = self.graph
        width = block.products[0].weight.shape[0]
        # Axes: window x head x sub-word x number, and for keys the last two the other way round.
        orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        queries, keys, values = (
            graph.node(
                "Transpose",
                graph.node("Reshape", graph.product(each, states), self.by_head),
                perm=order,
            )
            for each, order in zip(block.products, orders, strict=True)
        )
        scale = graph.number((width // self.anatomy.heads) ** -0.5)
        scores = graph.node("Mul", graph.node("MatMul", queries, keys), scale)
        shares = graph.node("Softmax", graph.node("Add", scores, self.mask), axis=-1)
        found = graph.node("Transpose", graph.node("MatMul", shares, values), perm=[0, 2, 1, 3])
        return graph.node("Reshape", found, graph.integers(-1, width))
