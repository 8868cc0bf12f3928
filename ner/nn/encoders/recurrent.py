"""Stacked LSTM or GRU, in one direction or both."""

import warnings
from collections.abc import Callable, Sequence
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
        right, _ = _run(self._prepared(self.forwards[k]), hidden)
        if not self.backwards:
            return right
        back = self._prepared(self.backwards[k])
        left = reverse(_run(back, reverse(hidden, lengths))[0], lengths)
        return torch.cat([right, left], dim=2)

    @property
    def border_shape(self) -> tuple[int, int, int, int, int]:
        """The shape of what `read_piece` takes: layers, parts of a state, directions, 1, width.

        An LSTM has two parts, the state and the cell; a projected state leaves the rest of the
        width open.
        """
        first: Any = self.forwards[0]
        parts, directions = (2 if isinstance(first, nn.LSTM) else 1), (2 if self.backwards else 1)
        return self.layers, parts, directions, 1, first.hidden_size

    def read_piece(
        self, embedded: Float[Tensor, "1 T E"], entering: Float[Tensor, "L P D 1 H"]
    ) -> tuple[Float[Tensor, "1 T F"], Float[Tensor, "L P D 1 H"]]:
        """Read a piece of a text.

        Args:
            embedded: The vectors of its tokens.
            entering: The states with which each layer enters it: forwards before its first token,
                backwards after its last one.

        Returns:
            The states of its tokens, and those with which each layer leaves it at the other end.
        """
        leaving = torch.zeros_like(entering)

        def run(k: int, hidden: Tensor) -> Tensor:
            outputs: list[Tensor] = []
            for d, layers in enumerate((self.forwards, self.backwards)[: entering.shape[2]]):
                layer: Any = layers[k]
                widths = (layer.proj_size or layer.hidden_size, layer.hidden_size)
                parts = zip(entering[k], widths, strict=False)
                state = [part[d][None, :, :n].contiguous() for part, n in parts]
                read = hidden.flip(1) if d else hidden
                output, last = _run(self._prepared(layer), read, state)
                for part, values in zip(leaving[k], last, strict=True):
                    part[d, :, : values.shape[2]] = values[0]
                outputs.append(output.flip(1) if d else output)
            return torch.cat(outputs, dim=2)

        return self.run_layers(embedded, run), leaving

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


def _run(
    rnn: Callable[..., Any], x: Float[Tensor, "B T E"], parts: Sequence[Tensor] | None = None
) -> tuple[Float[Tensor, "B T H"], Sequence[Tensor]]:
    """Return the states of all tokens, and the parts of the last one (1 B H).

    Args:
        rnn: The layer.
        x: What it reads.
        parts: The parts of the state before the first token (1 B H); None for zeros.
    """
    outputs: list[Tensor] = []
    # An LSTM has a tuple of two parts, and a GRU a single part.
    state: Any = None if parts is None else parts[0] if len(parts) == 1 else tuple(parts)
    for chunk in x.split(CHUNK, dim=1):
        output, state = rnn(chunk, state)
        outputs.append(output)
    whole = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)
    return whole, [state] if isinstance(state, Tensor) else state


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
