"""What all encoders of several layers have in common."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.dropout import LockedDropout


class LayeredEncoder(nn.Module, ABC):
    """Layers above each other, each followed by what is asked for, in this order.

    Args:
        size: Width of the states of each layer (H).
        layers: How many.
        dropout: Rate of locked dropout after each layer.
        layer_norm: Normalise the states of each layer, token by token.
        residual: Add what a layer reads to what it gives, from the second layer on; the first
            reads vectors of another width.

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016, but on the states of a layer and not
    inside the recurrence, so that fused kernels do the work; Prakash et al., "Neural Paraphrase
    Generation with Stacked Residual LSTM Networks", COLING 2016.
    """

    def __init__(
        self,
        size: int,
        layers: int,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.size = size
        self.layers = layers
        self.residual = residual
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(layers) if layer_norm)
        self.dropout = LockedDropout(dropout)

    @abstractmethod
    def run_layer(
        self, k: int, hidden: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Run layer number `k`, from 0."""

    def forward(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Encode; what stands behind the end of a sentence means nothing."""
        hidden = embedded
        for k in range(self.layers):
            states = self.run_layer(k, hidden, lengths)
            if self.norms:
                states = self.norms[k](states)
            if self.residual and k:
                states = states + hidden
            hidden = self.dropout(states)
        return hidden
