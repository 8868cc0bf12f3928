"""Arrays for a network from a table of numbers, and values from its outputs."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict

import numpy as np
from numpy.typing import NDArray

from ner.features.arrays import Floats, take_rows
from ner.forecasting.settings import SeriesSettings
from ner.forecasting.transforms import Origins, Scaler, Values
from ner.forecasting.windows import Windows


class SeriesArrays(TypedDict, total=False):
    """A batch of windows."""

    values: Required[Floats]
    """(B T F) Scaled features of each step."""
    lengths: Required[NDArray[np.int64]]
    """(B) Steps of the encoder."""
    targets: Floats
    """(B T 1) or (B h) Scaled outputs that the network learns, in training."""


class Coding:
    """Cuts windows out of a table and scales them as on the training split.

    Args:
        settings: Of the series.
        inputs: Scales what the network reads (F).
        targets: Scales departures from the reference (1).
    """

    def __init__(self, settings: SeriesSettings, inputs: Scaler, targets: Scaler) -> None:
        self.settings = settings
        self.windows = Windows(settings)
        self.inputs = inputs
        self.targets = targets

    @classmethod
    def fit(cls, settings: SeriesSettings, values: Values, train: Origins) -> "Coding":
        """Fit the scalers on the inputs and targets of the training split."""
        windows = Windows(settings)
        inputs = Scaler.fit(windows.inputs(values, train), settings.scaling)
        targets = Scaler.fit(windows.targets(values, train)[..., None], settings.scaling)
        return cls(settings, inputs, targets)

    @property
    def num_features(self) -> int:
        """The number of features of a step that the network reads."""
        return len(self.inputs.shift)

    def encode(self, values: Values, origins: Origins) -> SeriesArrays:
        """Compute `values` (B T F), float32, and `lengths` (B), the steps of the encoder."""
        scaled = self.inputs.apply(self.windows.inputs(values, origins))
        one_to_many = self.settings.task == "one-to-many"
        steps = self.settings.horizon if one_to_many else scaled.shape[1]
        return {
            "values": scaled.astype(np.float32),
            "lengths": np.full(len(origins), steps, dtype=np.int64),
        }

    def encode_targets(self, values: Values, origins: Origins) -> NDArray[np.float32]:
        """Compute the outputs that the network learns, in their shape."""
        scaled = self.targets.apply(self.windows.targets(values, origins)[..., None])
        # One to many has a number at each step; the other tasks have all numbers at one place.
        return (scaled if self.settings.task == "one-to-many" else scaled[..., 0]).astype(
            np.float32
        )

    def decode(self, values: Values, origins: Origins, outputs: NDArray[Any]) -> Values:
        """Convert outputs of the network to forecasts (B h) in the units of the table."""
        if self.settings.task == "one-to-many":
            outputs = outputs[..., 0]
        elif self.settings.task == "many-to-many":
            outputs = outputs[:, -1]
        departures = self.targets.invert(outputs.astype(np.float64)[..., None])[..., 0]
        return self.windows.forecasts(values, origins, departures)

    def to_dict(self) -> dict[str, Any]:
        """Return the scalers in a form that JSON can hold."""
        return {"inputs": self.inputs.to_dict(), "targets": self.targets.to_dict()}

    @classmethod
    def from_dict(cls, settings: SeriesSettings, facts: Mapping[str, Any]) -> "Coding":
        """Read the result of `to_dict`."""
        scalers = (Scaler.from_dict(facts[name]) for name in ("inputs", "targets"))
        return cls(settings, *scalers)


class SeriesBatches:
    """Makes the batches of an epoch, which depend on seed and epoch alone; see `BatchSource`.

    Args:
        coding: Makes arrays of windows.
        values: The table (N D).
        train: Origins of the training split.
        seed: Decides the order.
        batch_size: Windows in a batch.
    """

    def __init__(
        self, coding: Coding, values: Values, train: Origins, seed: int, batch_size: int
    ) -> None:
        self.arrays = coding.encode(values, train)
        self.arrays["targets"] = coding.encode_targets(values, train)
        self.count = len(train)
        self.seed = seed
        self.batch_size = batch_size

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """List the windows of each batch of an epoch, in random order."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return [order[i : i + self.batch_size] for i in range(0, self.count, self.batch_size)]

    def batch(self, epoch: int, step: int, indices: NDArray[np.int64]) -> SeriesArrays:
        """Select the arrays of one batch."""
        return take_rows(self.arrays, indices)
