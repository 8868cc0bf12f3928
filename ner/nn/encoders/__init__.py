"""Encoders: from embedded tokens (B T E) and lengths (B) to states in context (B T H).

An encoder has a `size` (H). The states of a sentence depend neither on the other sentences of the
batch nor on padding. All encoders here can be exported to ONNX.
"""

from ner.nn.encoders.attention import EncoderStack, SelfAttention
from ner.nn.encoders.base import LayeredEncoder
from ner.nn.encoders.building import build_encoder
from ner.nn.encoders.convolution import DilatedCNN
from ner.nn.encoders.minimal import MinimalRNN
from ner.nn.encoders.recurrent import RecurrentEncoder

__all__ = [
    "DilatedCNN",
    "EncoderStack",
    "LayeredEncoder",
    "MinimalRNN",
    "RecurrentEncoder",
    "SelfAttention",
    "build_encoder",
]
