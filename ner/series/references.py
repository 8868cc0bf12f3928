"""Forecasts without a network: what a network has to beat, and what it may start from."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Origins = NDArray[np.int64]


def last_value(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast that nothing changes.

    Args:
        series: All values (N).
        origins: First step of each forecast, of any shape; what lies before it is known.
        horizon: Steps of a forecast.
        period: Steps of a season, which does not matter here.

    Returns:
        Forecasts (... h), as for the other functions.
    """
    return np.repeat(series[origins - 1][..., None], horizon, axis=-1)


def last_season(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast that the last season comes again."""
    # Axes: origin (..., 1) + step of the season (h).
    return series[origins[..., None] + np.arange(horizon) % period - period]


def last_season_and_drift(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast the last season, moved by how much the last value was above that of its season."""
    moved = series[origins - 1] - series[origins - 1 - period]
    return last_season(series, origins, horizon, period) + moved[..., None]


def nothing(series: Values, origins: Origins, horizon: int, period: int) -> Values:
    """Forecast zero, from which a network forecasts the values themselves."""
    return np.zeros((*origins.shape, horizon))


REFERENCES: dict[str, Callable[[Values, Origins, int, int], Values]] = {
    "none": nothing,
    "last": last_value,
    "season": last_season,
    "drift": last_season_and_drift,
}
# References that look back by a season.
SEASONAL = ("season", "drift")
