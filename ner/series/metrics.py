"""How far forecasts are from what came."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """Errors in the units of the series.

    Args:
        rmse: Root of the mean squared error.
        mae: Mean absolute error.
        r2: Share of the variance of the true values that is explained; below 0 where their mean
            would be a better forecast, and None where they are all equal.
    """

    rmse: float
    mae: float
    r2: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Give everything as JSON can hold it."""
        return asdict(self)


def score(forecasts: NDArray[np.float64], truth: NDArray[np.float64]) -> Scores:
    """Compare forecasts with true values of the same shape, all steps together.

    >>> score(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    Scores(rmse=0.7071067811865476, mae=0.5, r2=-1.0)
    """
    errors = forecasts - truth
    squared = float(np.square(errors).sum())
    variance = float(np.square(truth - truth.mean()).sum())
    return Scores(
        rmse=float(np.sqrt(squared / errors.size)),
        mae=float(np.abs(errors).mean()),
        r2=1 - squared / variance if variance else None,
    )
