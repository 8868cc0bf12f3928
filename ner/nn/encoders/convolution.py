"""Iterated dilated convolutions: context that grows with each layer, all tokens at once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.encoders.layered import LayeredEncoder
from ner.nn.heads import length_mask

# Tokens that a filter reads.
WIDTH = 3


class DilatedCNN(LayeredEncoder):
    """A convolution, then the same block of dilated convolutions several times over.

    The filters of a block read tokens 1, 2, 4 ... apart, and in its last layer 1 again; ReLU after
    each. What stands behind a sentence is zero for all of them, as it is before its start.

    Args:
        input_size: Width of the embedded tokens.
        size: Number of filters of each convolution.
        layers: Convolutions of a block before its last one; with 2, as in the paper, the block
            sees 4 tokens to each side.
        iterations: How often the block is gone through.
        dropout: Rate of locked dropout after the first convolution and after each iteration.
        layer_norm: See `LayeredEncoder`; an iteration is a layer.
        residual: See `LayeredEncoder`.

    Source: Strubell et al., "Fast and Accurate Entity Recognition with Iterated Dilated
    Convolutions", EMNLP 2017, section 4. Only the states after the last iteration are trained on,
    and dropout has no term in the loss of its own.
    """

    def __init__(
        self,
        input_size: int,
        size: int = 200,
        layers: int = 1,
        iterations: int = 4,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__(size, 1 + iterations, dropout, layer_norm, residual)
        self.first = _convolution(input_size, size, 1)
        dilations = [*(2**i for i in range(layers)), 1]
        self.block = nn.ModuleList(_convolution(size, size, each) for each in dilations)

    def run_layer(
        self, k: int, hidden: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Go through the first convolution, or through the block."""
        outside = ~length_mask(lengths, hidden.shape[1])[:, None, :]
        # Axes: sentence (B) x filter x token (T).
        x = hidden.transpose(1, 2)
        for convolution in self.block if k else [self.first]:
            x = torch.relu(convolution(x.masked_fill(outside, 0)))
        return x.transpose(1, 2)


def _convolution(input_size: int, size: int, dilation: int) -> nn.Conv1d:
    layer = nn.Conv1d(input_size, size, WIDTH, padding=dilation, dilation=dilation)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
