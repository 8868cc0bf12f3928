"""What values are expressed in for a network: departures from a plain forecast, scaled.

A reference is a plain forecast, such as the last value. The network forecasts how far the series
departs from it, and has to beat it. A scaler then brings all features to a similar range.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

Origins = NDArray[np.int64]


def last_value(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast that the last value stays.

    Args:
        series: All values (N).
        origins: First step of each forecast, in an array of any shape. Only values before it are
            used.
        horizon: Steps of a forecast.
        period: Steps of a season; not used here.

    Returns:
        Forecasts (... h), as for the other functions.
    """
    return np.repeat(series[origins - 1][..., None], horizon, axis=-1)


def last_season(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast that the last season repeats."""
    # Axes: origin (..., 1) + step of the season (h).
    return series[origins[..., None] + np.arange(horizon) % period - period]


def last_season_and_drift(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast the last season, moved by the change of the last value against a season earlier."""
    change = series[origins - 1] - series[origins - 1 - period]
    return last_season(series, origins, horizon, period) + change[..., None]


def zero(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast zero, so that a network forecasts the values themselves."""
    return np.zeros((*origins.shape, horizon))


REFERENCES: dict[str, Callable[[Values, Origins, int, int], Values]] = {
    "none": zero,
    "last": last_value,
    "season": last_season,
    "drift": last_season_and_drift,
}

# References that use the values of a season earlier.
SEASONAL = ("season", "drift")

Scaling = Literal["standard", "min-max"]


@dataclass(frozen=True)
class Scaler:
    """Scales each feature by a shift and a factor.

    Args:
        shift: What is subtracted from each feature (D).
        factor: What the difference is divided by (D), above 0.
    """

    shift: Values
    factor: Values

    @classmethod
    def fit(cls, values: Values, kind: Scaling) -> "Scaler":
        """Fit a scaler that brings values to mean 0 and deviation 1, or to the range from 0 to 1.

        A feature that never changes becomes exactly 0.

        Args:
            values: Values of each feature (... D).
            kind: `standard` or `min-max`.

        >>> Scaler.fit(np.array([[1.0, 5.0], [3.0, 5.0]]), "min-max").apply(np.array([2.0, 5.0]))
        array([0.5, 0. ])
        """
        flat = values.reshape(-1, values.shape[-1])
        if kind == "standard":
            shift, factor = flat.mean(axis=0), flat.std(axis=0)
        else:
            shift, factor = flat.min(axis=0), np.ptp(flat, axis=0)
        # The mean of equal numbers differs from them by a rounding error.
        constant = np.ptp(flat, axis=0) == 0
        return cls(np.where(constant, flat[0], shift), np.where(constant, 1.0, factor))

    def apply(self, values: Values) -> Values:
        """Scale values (... D)."""
        return (values - self.shift) / self.factor

    def invert(self, scaled: Values) -> Values:
        """Convert scaled values (... D) back."""
        return scaled * self.factor + self.shift

    def to_dict(self) -> dict[str, list[float]]:
        """Return shift and factor in a form that JSON can hold."""
        return {"shift": self.shift.tolist(), "factor": self.factor.tolist()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Scaler":
        """Read the result of `to_dict`.

        Raises:
            ValueError: A number is not finite, or a factor is not above 0.
        """
        shift, factor = (np.array(facts[name], dtype=np.float64) for name in ("shift", "factor"))
        finite = np.isfinite(shift).all() and np.isfinite(factor).all()
        if shift.shape != factor.shape or shift.ndim != 1 or not finite or (factor <= 0).any():
            raise ValueError("a scaler has finite shifts and as many factors above 0")
        return cls(shift, factor)
