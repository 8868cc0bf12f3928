"""The base class of encoders with several layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.dropout import LockedDropout


class LayeredEncoder(nn.Module, ABC):
    """A stack of layers, each followed by layer normalization, a residual connection and dropout.

    Args:
        size: Width of the states of each layer (H).
        layers: Number of layers.
        dropout: Rate of locked dropout after each layer.
        layer_norm: Whether to normalize the states of each layer, token by token.
        residual: Whether to add the input of a layer to its output, from the second layer on. The
            input of the first layer has another width.

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016. Here it is applied to the states of a
    layer and not inside the recurrence, so that fused kernels can be used. Prakash et al., "Neural
    Paraphrase Generation with Stacked Residual LSTM Networks", COLING 2016.
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
        """Compute the states of layer number `k`, from 0."""

    def forward(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Compute the states. Positions past the end of a sentence are padding and are ignored."""
        return self.run_layers(embedded, lambda k, hidden: self.run_layer(k, hidden, lengths))

    def run_layers(
        self,
        embedded: Float[Tensor, "B T E"],
        run_layer: Callable[[int, Tensor], Tensor],
    ) -> Float[Tensor, "B T H"]:
        """Run all layers, and what comes between them.

        Args:
            embedded: What the first layer reads.
            run_layer: Computes the states of a layer (B T H) from its number and what it reads.
        """
        hidden = embedded
        for k in range(self.layers):
            states = run_layer(k, hidden)
            if self.norms:
                states = self.norms[k](states)
            if self.residual and k:
                states = states + hidden
            hidden = self.dropout(states)
        return hidden
