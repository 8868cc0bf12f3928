"""The network of a series, which reads values instead of words and predicts numbers, not tags."""

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
    """Embeds each step by its values, projected or as they are.

    Args:
        input_size: Features of a step (F).
        size: Width that they are projected to; 0 for no projection.
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.size = size or input_size
        self.projection = nn.Linear(input_size, size) if size else nn.Identity()

    def forward(self, batch: SeriesTensors) -> Float[Tensor, "B T E"]:
        """Embed `values` (B T F)."""
        return self.projection(batch["values"])


class RepeatedVector(nn.Module):
    """Repeats a vector at each step of the forecast, and adds a learnt vector of the step.

    Args:
        input_size: Features of the vector (F).
        size: Width that they are projected to.
        steps: The number of steps.
    """

    def __init__(self, input_size: int, size: int, steps: int) -> None:
        super().__init__()
        self.size = size
        self.projection = nn.Linear(input_size, size)
        self.steps = nn.Parameter(torch.randn(steps, size) / size**0.5)

    def forward(self, batch: SeriesTensors) -> Float[Tensor, "B T E"]:
        """Embed `values` (B 1 F)."""
        # Axes: example (B) x one step + step (T) x width.
        return self.projection(batch["values"]) + self.steps


class RegressionHead(nn.Module):
    """Predicts numbers from states, with the mean squared error as loss.

    Args:
        input_size: Width of the states.
        num_values: Numbers that are predicted at each place.
    """

    gold: ClassVar[str] = "targets"

    def __init__(self, input_size: int, num_values: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, num_values)

    def values(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> Tensor:
        """Predict numbers (B T h) at each step. A batch has no padding."""
        return self.linear(hidden)

    def loss(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], gold: Tensor
    ) -> Float[Tensor, ""]:
        """Compute the mean squared error over all numbers."""
        return F.mse_loss(self.values(hidden, lengths), gold)

    def outputs(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> SeriesOutputs:
        """Predict numbers, as `values`."""
        return {"values": self.values(hidden, lengths)}

    def edges(self) -> None:
        """Return None: numbers have no transition scores."""


class LastStateHead(RegressionHead):
    """Predicts numbers from the state of each direction after the whole window.

    Args:
        input_size: Width of the states.
        num_values: Numbers that are predicted.
        bidirectional: Whether half of each state belongs to a backward direction.
    """

    def __init__(self, input_size: int, num_values: int, bidirectional: bool) -> None:
        super().__init__(input_size, num_values)
        self.pooling = LastStates(input_size, bidirectional)

    def values(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B h"]:
        """Predict the numbers of a window."""
        return self.linear(self.pooling(hidden, lengths).vectors)


def build_network(settings: SeriesSettings, num_features: int) -> Model:
    """Build an untrained network for windows (B T F) with `num_features` features (F)."""
    to_many = settings.task == "one-to-many"
    if to_many:
        # Without a projection, a narrow vector would have no room for the step.
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
