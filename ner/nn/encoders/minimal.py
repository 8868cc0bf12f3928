"""Recurrences whose gates do not read the last state, so that all tokens are worked on at once."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.encoders.layered import LayeredEncoder
from ner.nn.encoders.recurrence import linear_recurrence
from ner.nn.heads import length_mask

# What a token computes: for a minGRU update and candidate, for a minLSTM forget, input, candidate.
PARTS = {"mingru": 2, "minlstm": 3}
# So low that one over a gate is still a number of float32. (Differences of softplus would do
# without a bound, at sixteen times the cost in ONNX Runtime, whose sigmoid is coarse near zero.)
LOWEST_GATE = -80.0


class MinimalRNN(LayeredEncoder):
    """Stacked minGRU or minLSTM: a state is a mean of candidates, weighted by gates.

    A minGRU's state is h = (1 - z) h' + z v, with the update gate z = σ(W_z x + b_z), the candidate
    v = W_v x + b_v and the state before it h'. In a minLSTM the forget gate f and the input gate i
    share: h = f / (f + i) h' + i / (f + i) v. All products with weights are one product a layer.

    Args:
        input_size: Width of the embedded tokens.
        size: Width of one direction.
        layers: Layers above each other.
        cell: The recurrent cell.
        dropout: Rate of locked dropout after each layer.
        bidirectional: Read backwards as well.
        layer_norm: See `LayeredEncoder`.
        residual: See `LayeredEncoder`.

    Source: Feng et al., "Were RNNs All We Needed?", 2024, sections 3.1 and 3.2. They compute it
    in logarithms, for which candidates have to be positive; `linear_recurrence` does without, so
    candidates are those of their equations, and the first state before a sentence is zero.
    """

    def __init__(
        self,
        input_size: int,
        size: int = 200,
        layers: int = 1,
        cell: Literal["mingru", "minlstm"] = "mingru",
        dropout: float = 0.0,
        bidirectional: bool = True,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        width = size * (2 if bidirectional else 1)
        super().__init__(width, layers, dropout, layer_norm, residual)
        self.cell = cell
        self.bidirectional = bidirectional
        widths = [input_size] + [width] * (layers - 1)
        products = [nn.Linear(each, PARTS[cell] * width) for each in widths]
        for product in products:
            nn.init.xavier_uniform_(product.weight)
            nn.init.zeros_(product.bias)
            if cell == "minlstm":
                # Forget gates start open, as those of the LSTM do.
                product.bias.data[:width] = 1
        self.products = nn.ModuleList(products)

    def run_layer(
        self, k: int, hidden: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Read forwards, and backwards if both are asked for."""
        product = self.products[k]
        products = product(hidden)
        # Behind a sentence candidates are zero, so that states stay zero until its last token
        # where it is read backwards.
        inside = length_mask(lengths, hidden.shape[1])
        products = products.masked_fill(~inside[:, :, None], 0)
        *gates, candidates = products.to(product.weight.dtype).chunk(PARTS[self.cell], 2)
        if self.cell == "mingru":
            decays, share = (-gates[0]).sigmoid(), gates[0].sigmoid()
        else:
            # One over each gate: of the two shares, the other's is the counter.
            forget, enter = (1 + gate.clamp(min=LOWEST_GATE).neg().exp() for gate in gates)
            total = forget + enter
            decays, share = enter / total, forget / total
        added = share * candidates
        if not self.bidirectional:
            return linear_recurrence(decays, added)
        # Axes: sentence (B) x token (T) x direction and state (H).
        halves = zip(decays.chunk(2, dim=2), added.chunk(2, dim=2), (False, True), strict=True)
        return torch.cat([linear_recurrence(*each) for each in halves], dim=2)
