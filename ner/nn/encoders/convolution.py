"""Iterated dilated convolutions: the context grows with each layer, and all tokens run at once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.nn.encoders.base import LayeredEncoder
from ner.nn.tensors import length_mask

# Tokens that a filter reads.
WIDTH = 3


class DilatedCNN(LayeredEncoder):
    """A convolution, then several iterations of one block of dilated convolutions.

    The filters of a block read tokens at a distance of 1, 2, 4, ..., and in the last convolution of
    1 again. A ReLU follows each convolution. Padding is zero for all of them, as are the positions
    before the start of a sentence.

    Args:
        input_size: Width of the embedded tokens.
        size: Number of filters of each convolution.
        layers: Convolutions of the block before its last one. With 2, as in the paper, the block
            reads 4 tokens to each side.
        iterations: How often the block is applied.
        dropout: Rate of locked dropout after the first convolution and after each iteration.
        layer_norm: See `LayeredEncoder`; an iteration is a layer.
        residual: See `LayeredEncoder`.

    Source: Strubell et al., "Fast and Accurate Entity Recognition with Iterated Dilated
    Convolutions", EMNLP 2017, section 4. Unlike in the paper, the loss reads only the states after
    the last iteration, and has no term for dropout.
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
        self.first = _filters(input_size, size)
        self.dilations = [*(2**i for i in range(layers)), 1]
        self.block = nn.ModuleList(_filters(size, size) for _ in self.dilations)

    @property
    def reach(self) -> int:
        """The number of tokens on either side that a state depends on."""
        return sum(distance for k in range(self.layers) for _, distance in self.steps(k))

    def run_layer(
        self, k: int, hidden: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Apply the first convolution, or the block."""
        outside = ~length_mask(lengths, hidden.shape[1])[:, :, None]
        for filters, dilation in self.steps(k):
            windows = _windows(hidden.masked_fill(outside, 0), dilation)
            hidden = torch.relu(filters(windows))
        return hidden

    def steps(self, k: int) -> list[tuple[nn.Module, int]]:
        """Return the filters of layer number `k`, each with the distance of the tokens it reads."""
        return list(zip(self.block, self.dilations, strict=True)) if k else [(self.first, 1)]


def _windows(x: Float[Tensor, "B T F"], dilation: int) -> Float[Tensor, "B T W"]:
    """Put the three tokens that a filter reads side by side, so that a convolution is one product.

    This is as fast as torch's convolution, which needs tokens on the last axis, and its rounding
    depends less on the number of tokens.
    """
    padded = F.pad(x, (0, 0, dilation, dilation))
    length = x.shape[1]
    return torch.cat([padded[:, :length], x, padded[:, 2 * dilation :]], dim=2)


def _filters(input_size: int, size: int) -> nn.Linear:
    layer = nn.Linear(WIDTH * input_size, size)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
