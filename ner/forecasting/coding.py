"""From a table of numbers to arrays for the network, and from its outputs back to the table."""

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
    """Windows, scaled by what training saw.

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
        """Fit the scaling on the forecasts of the training part, and what is read for them."""
        windows = Windows(settings)
        inputs = Scaler.fit(windows.inputs(values, train), settings.scaling)
        targets = Scaler.fit(windows.targets(values, train)[..., None], settings.scaling)
        return cls(settings, inputs, targets)

    @property
    def num_features(self) -> int:
        """Features of a step that the network reads."""
        return len(self.inputs.shift)

    def encode(self, values: Values, origins: Origins) -> SeriesArrays:
        """Give `values` (B T F), float32, and `lengths` (B): the steps of the encoder."""
        scaled = self.inputs.apply(self.windows.inputs(values, origins))
        one_to_many = self.settings.task == "one-to-many"
        steps = self.settings.horizon if one_to_many else scaled.shape[1]
        return {
            "values": scaled.astype(np.float32),
            "lengths": np.full(len(origins), steps, dtype=np.int64),
        }

    def encode_targets(self, values: Values, origins: Origins) -> NDArray[np.float32]:
        """Give what the outputs of the network shall be, in their shape."""
        scaled = self.targets.apply(self.windows.targets(values, origins)[..., None])
        # One to many: a number at each step; else all numbers of a place together.
        return (scaled if self.settings.task == "one-to-many" else scaled[..., 0]).astype(
            np.float32
        )

    def decode(self, values: Values, origins: Origins, outputs: NDArray[Any]) -> Values:
        """Turn outputs of the network into forecasts (B h) in the units of the table."""
        if self.settings.task == "one-to-many":
            outputs = outputs[..., 0]
        elif self.settings.task == "many-to-many":
            outputs = outputs[:, -1]
        departures = self.targets.invert(outputs.astype(np.float64)[..., None])[..., 0]
        return self.windows.forecasts(values, origins, departures)

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` needs beside the settings, as JSON can hold it."""
        return {"inputs": self.inputs.to_dict(), "targets": self.targets.to_dict()}

    @classmethod
    def from_dict(cls, settings: SeriesSettings, facts: Mapping[str, Any]) -> "Coding":
        """Read what `to_dict` gives."""
        scalers = (Scaler.from_dict(facts[name]) for name in ("inputs", "targets"))
        return cls(settings, *scalers)


class SeriesBatches:
    """The batches of every epoch, a function of (seed, epoch) alone; see `BatchSource`.

    Args:
        coding: Makes arrays of windows.
        values: The table (N D).
        train: Origins of the training part.
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
        """Cut out one batch of the plan."""
        return take_rows(self.arrays, indices)
