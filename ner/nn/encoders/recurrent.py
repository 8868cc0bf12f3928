"""Stacked LSTM or GRU, in one direction or both."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.encoders.base import LayeredEncoder
from ner.nn.tensors import reverse

# Tokens that are computed at a time, since cuDNN refuses sequences of more than 65,535 steps.
CHUNK = 65_000

# Warnings of torch about slower kernels: of projected states on a CPU, of dropped weights on a GPU.
OTHER_KERNELS = "LSTM with projections is not|RNN module weights are not part of single contiguous"


class RecurrentEncoder(LayeredEncoder):
    """Stacked LSTM or GRU.

    The two directions of a layer are two calls on padded batches. For the backward direction, each
    sentence is reversed within its own length. So padding follows the sentence in both calls and
    has no influence, and torch uses its fused kernels, which packed sequences do not have.

    Args:
        input_size: Width of the embedded tokens.
        size: Width of one direction.
        layers: Number of layers.
        cell: The recurrent cell.
        dropout: Rate of locked dropout after each layer.
        bidirectional: Whether to read sentences backwards as well. If not, a state depends only on
            the tokens up to its own.
        projection: Width to which the states of an LSTM are projected, before the next step and the
            next layer read them; 0 for no projection.
        weight_drop: Share of the recurrent weights that are dropped in training, the same weights
            at all steps of a batch.
        layer_norm: See `LayeredEncoder`.
        residual: See `LayeredEncoder`.

    Source: Graves and Schmidhuber, "Framewise Phoneme Classification with Bidirectional LSTM",
    Neural Networks 18, 2005. Projections: Sak, Senior and Beaufays, "Long Short-Term Memory
    Recurrent Neural Network Architectures for Large Scale Acoustic Modeling", Interspeech 2014.
    Dropped weights: Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models",
    ICLR 2018, section 2. Recurrent weights start orthogonal (Saxe et al., ICLR 2014), and forget
    gates open (Jozefowicz et al., ICML 2015).
    """

    def __init__(
        self,
        input_size: int,
        size: int = 200,
        layers: int = 1,
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
        bidirectional: bool = True,
        projection: int = 0,
        weight_drop: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
    ) -> None:
        width = (projection or size) * (2 if bidirectional else 1)
        super().__init__(width, layers, dropout, layer_norm, residual)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        # The argument must not be given to a GRU, not even as 0.
        options = {"proj_size": projection} if projection else {}
        widths = [input_size] + [width] * (layers - 1)

        def make_layers() -> nn.ModuleList:
            return nn.ModuleList(kind(read, size, batch_first=True, **options) for read in widths)

        self.forwards = make_layers()
        self.backwards = make_layers() if bidirectional else nn.ModuleList()
        self.weight_drop = nn.Dropout(weight_drop)
        for module in (*self.forwards, *self.backwards):
            _initialize(module)

    def run_layer(
        self, k: int, hidden: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Read sentences forwards, and backwards if `bidirectional`."""
        right = _run(self._prepared(self.forwards[k]), hidden)
        if not self.backwards:
            return right
        back = self._prepared(self.backwards[k])
        left = reverse(_run(back, reverse(hidden, lengths)), lengths)
        return torch.cat([right, left], dim=2)

    def _prepared(self, module: nn.Module) -> Callable[..., Any]:
        """Return what to call for a layer: the module, or a function that drops weights of it."""
        rnn = cast(nn.RNNBase, module)
        dropping = self.training and self.weight_drop.p > 0
        if not dropping and not rnn.proj_size:
            return rnn
        return _quiet(self._dropped(rnn) if dropping else rnn)

    def _dropped(self, rnn: nn.RNNBase) -> Callable[..., Any]:
        # A module has its weights in two places, and `torch.func.functional_call` would replace
        # only one of them.
        inputs, states, *rest = rnn.all_weights[0]
        weights = [inputs, self.weight_drop(states), *rest]
        widths = (rnn.proj_size or rnn.hidden_size, rnn.hidden_size)

        def call(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            state = state or [x.new_zeros(1, len(x), width) for width in widths]
            if isinstance(rnn, nn.GRU):
                output, last = torch.gru(x, state[0], weights, True, 1, 0.0, True, False, True)
                return output, [last]
            output, *state = torch.lstm(x, state, weights, True, 1, 0.0, True, False, True)
            return output, state

        return call


def _quiet(rnn: Callable[..., Any]) -> Callable[..., Any]:
    """Silence the warnings of torch about slower kernels."""

    def call(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", OTHER_KERNELS)
            return rnn(x, state)

    return call


def _run(rnn: Callable[..., Any], x: Float[Tensor, "B T E"]) -> Float[Tensor, "B T H"]:
    outputs, state = [], None
    for chunk in x.split(CHUNK, dim=1):
        output, state = rnn(chunk, state)
        outputs.append(output)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


def _initialize(module: nn.Module) -> None:
    rnn = cast(nn.RNNBase, module)
    for name, parameter in rnn.named_parameters():
        if "weight_hh" in name:
            for gate in parameter.data.split(rnn.hidden_size):
                nn.init.orthogonal_(gate)
        elif "weight" in name:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
            if isinstance(rnn, nn.LSTM) and "bias_ih" in name:
                # The order of the gates is input, forget, cell, output.
                parameter.data[rnn.hidden_size : 2 * rnn.hidden_size] = 1
