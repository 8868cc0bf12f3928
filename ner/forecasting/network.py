"""The network of a series: values in the place of words, a regression in the place of tags."""

from typing import Any, ClassVar, TypedDict

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.forecasting.settings import SeriesSettings
from ner.nn.encoders import build_encoder
from ner.nn.model import Model
from ner.nn.pooling import LastStates
from ner.nn.tensors import OutputTensors


class SeriesTensors(TypedDict):
    """A batch of windows, see `SeriesArrays`."""

    values: Float[Tensor, "B T F"]
    lengths: Int[Tensor, " B"]


class SeriesOutputs(OutputTensors, total=False):
    """What the network computes for a batch: scaled numbers, (B T h) or (B h)."""

    values: Tensor


class ValueEmbedder(nn.Module):
    """The values of each step, as they are or projected.

    Args:
        input_size: Features of a step (F).
        size: Width that they are projected to; 0 leaves them.
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.size = size or input_size
        self.projection = nn.Linear(input_size, size) if size else nn.Identity()

    def forward(self, batch: SeriesTensors) -> Float[Tensor, "B T E"]:
        """Read `values` (B T F)."""
        return self.projection(batch["values"])


class RepeatedVector(nn.Module):
    """One vector at each step of what is to be written, moved by a learnt vector of the step.

    Args:
        input_size: Features of the vector (F).
        size: Width that they are projected to.
        steps: How many are written.
    """

    def __init__(self, input_size: int, size: int, steps: int) -> None:
        super().__init__()
        self.size = size
        self.projection = nn.Linear(input_size, size)
        self.steps = nn.Parameter(torch.randn(steps, size) / size**0.5)

    def forward(self, batch: SeriesTensors) -> Float[Tensor, "B T E"]:
        """Read `values` (B 1 F)."""
        # Axes: example (B) x one step + step (T) x width.
        return self.projection(batch["values"]) + self.steps


class RegressionHead(nn.Module):
    """Numbers from states, learnt by their mean squared error.

    Args:
        input_size: Width of the states.
        num_values: How many are given, at each place.
    """

    gold: ClassVar[str] = "targets"

    def __init__(self, input_size: int, num_values: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_values)

    def values(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Tensor:
        """Give numbers (B T h) at each step; all steps of a batch are there."""
        return self.linear(hidden)

    def loss(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], gold: Tensor
    ) -> Float[Tensor, ""]:
        """Mean squared error over all numbers."""
        return F.mse_loss(self.values(hidden, lengths), gold)

    def outputs(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> SeriesOutputs:
        """Give the `values`."""
        return {"values": self.values(hidden, lengths)}

    def edges(self) -> None:
        """Numbers have no steps between tags."""


class LastStateHead(RegressionHead):
    """Numbers from where each direction has read the whole window.

    Args:
        input_size: Width of the states.
        num_values: How many are given.
        bidirectional: Whether half of the states are those of a backward direction.
    """

    def __init__(self, input_size: int, num_values: int, bidirectional: bool) -> None:
        super().__init__(input_size, num_values)
        self.pooling = LastStates(input_size, bidirectional)

    def values(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B h"]:
        """Give the numbers of a window."""
        return self.linear(self.pooling(hidden, lengths).vectors)


def build_network(settings: SeriesSettings, num_features: int) -> Model:
    """Build an untrained network for windows (B T F) of so many features."""
    to_many = settings.task == "one-to-many"
    if to_many:
        # What the embedder adds to the vector needs room beside it.
        size = settings.projection or settings.encoder["size"]
        embedder: Any = RepeatedVector(num_features, size, settings.horizon)
    else:
        embedder = ValueEmbedder(num_features, settings.projection)
    encoder: Any = build_encoder(embedder.size, settings.encoder)
    if settings.task == "many-to-many" or to_many:
        head = RegressionHead(encoder.size, 1 if to_many else settings.horizon)
    else:
        both = settings.encoder["bidirectional"] and settings.encoder["kind"] == "rnn"
        head = LastStateHead(encoder.size, settings.horizon, both)
    return Model(embedder, encoder, head)
