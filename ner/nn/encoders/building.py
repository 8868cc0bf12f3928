"""Builds an encoder from its settings."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from ner.nn.encoders.attention import EncoderStack, SelfAttention
from ner.nn.encoders.base import LayeredEncoder
from ner.nn.encoders.convolution import DilatedCNN
from ner.nn.encoders.minimal import MinimalRNN
from ner.nn.encoders.recurrent import RecurrentEncoder

# Settings that all encoders have, and those that each encoder has in addition.
COMMON = ("size", "layers", "dropout", "layer_norm", "residual")

FURTHER: dict[type[LayeredEncoder], tuple[str, ...]] = {
    RecurrentEncoder: ("cell", "bidirectional", "projection", "weight_drop"),
    MinimalRNN: ("cell", "bidirectional"),
    DilatedCNN: ("iterations",),
}

CELLS: dict[str, type[LayeredEncoder]] = {
    "lstm": RecurrentEncoder,
    "gru": RecurrentEncoder,
    "mingru": MinimalRNN,
    "minlstm": MinimalRNN,
}


def build_encoder(input_size: int, settings: Mapping[str, Any]) -> nn.Module:
    """Build an untrained encoder.

    Args:
        input_size: Width of the embedded tokens.
        settings: The section `encoder` of a configuration, as a model folder keeps it. Settings
            that a folder of an older version lacks have the default of the class.
    """
    if settings.get("kind", "rnn") == "idcnn":
        kind: Any = DilatedCNN
    else:
        kind = CELLS[settings.get("cell", "lstm")]
    names = (*COMMON, *FURTHER[kind])
    encoder = kind(input_size, **{name: settings[name] for name in names if name in settings})
    heads = settings.get("attention_heads", 0)
    if not heads:
        return encoder
    return EncoderStack([encoder, SelfAttention(encoder.size, heads, encoder.dropout.rate)])
