"""Tokens in context: stacked bidirectional LSTM or GRU, exact under padding and fast."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.dropout import LockedDropout
from ner.nn.embeddings import reverse

# cuDNN refuses sequences of more than 65,535 steps; longer ones go through in pieces.
LONGEST_PIECE = 65_000


class BiRNN(nn.Module):
    """Stacked bidirectional LSTM or GRU, locked dropout between the layers and after the last.

    The two directions of a layer are two calls on padded batches, the backward one on sentences
    that are turned around within their own length: padding stands behind every sentence in both
    calls, so it cannot touch a result, and the fused kernels that packed sequences miss are used.

    Args:
        input_size: Width of the embedded tokens.
        size: Width of one direction.
        layers: Layers above each other.
        cell: The recurrent cell.
        dropout: Rate of locked dropout.

    Source: Graves and Schmidhuber, "Framewise Phoneme Classification with Bidirectional LSTM",
    Neural Networks 18, 2005. Recurrent weights start orthogonal (Saxe et al., ICLR 2014), the
    forget gates open (Jozefowicz et al., ICML 2015).
    """

    def __init__(
        self,
        input_size: int,
        size: int = 200,
        layers: int = 1,
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        widths = [input_size] + [2 * size] * (layers - 1)
        self.size = 2 * size
        self.forwards = nn.ModuleList(rnn(width, size, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(rnn(width, size, batch_first=True) for width in widths)
        self.dropout = LockedDropout(dropout)
        for module in (*self.forwards, *self.backwards):
            _initialize(module)

    def forward(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Encode; what stands behind the end of a sentence means nothing."""
        hidden = embedded
        for ahead, back in zip(self.forwards, self.backwards, strict=True):
            right = _run(ahead, hidden)
            left = reverse(_run(back, reverse(hidden, lengths)), lengths)
            hidden = self.dropout(torch.cat([right, left], dim=2))
        return hidden


def _run(rnn: nn.Module, x: Float[Tensor, "B T E"]) -> Float[Tensor, "B T H"]:
    outputs, state = [], None
    for piece in x.split(LONGEST_PIECE, dim=1):
        output, state = rnn(piece, state)
        outputs.append(output)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


def _initialize(rnn: nn.Module) -> None:
    for name, parameter in rnn.named_parameters():
        if "weight_ih" in name:
            nn.init.xavier_uniform_(parameter)
        elif "weight_hh" in name:
            for gate in parameter.data.chunk(parameter.shape[0] // parameter.shape[1]):
                nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(parameter)
            if isinstance(rnn, nn.LSTM) and "bias_ih" in name:
                # The gates stand in the order input, forget, cell, output.
                parameter.data[rnn.hidden_size : 2 * rnn.hidden_size] = 1
