"""Tokens in context: encoders from embedded tokens (B T E) and lengths (B) to states (B T H).

Each has a `size` (H), gives a sentence the same states whatever stands beside or behind it, and can
be exported to ONNX.
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
