"""The encoder of a model under its former name."""

from typing import Any

from torch import nn

from ner.nn.encoders import build_encoder


def BiRNN(input_size: int, **settings: Any) -> nn.Module:  # noqa: N802
    """Build an encoder, see `build_encoder`."""
    return build_encoder(input_size, settings)
