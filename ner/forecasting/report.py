"""What came of a run: scores of the network and of plain methods, side by side."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error


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
    forecasts, truth = forecasts.ravel(), truth.ravel()
    return Scores(
        rmse=float(root_mean_squared_error(truth, forecasts)),
        mae=float(mean_absolute_error(truth, forecasts)),
        r2=float(r2_score(truth, forecasts)) if np.ptp(truth) else None,
    )


@dataclass(frozen=True)
class PartReport:
    """Scores on one part of a table.

    Args:
        rows: Where the part is, for people.
        forecasts: How many there are.
        network: Of the mean of all networks.
        networks: Of each network.
        plain: Of the other methods, by name.
    """

    rows: str
    forecasts: int
    network: Scores
    networks: Sequence[Scores]
    plain: Mapping[str, Scores]

    @property
    def best_plain(self) -> str:
        """Name the plain method with the least RMSE."""
        return min(self.plain, key=lambda name: self.plain[name].rmse)

    @property
    def verdict(self) -> str:
        """Say whether the network is better than the best plain method."""
        best = self.plain[self.best_plain].rmse
        if best == 0:
            return f"NOT better than {self.best_plain}, which is exact."
        change = self.network.rmse / best - 1
        word = "better" if change < 0 else "NOT better"
        side = "below" if change < 0 else "above"
        return (
            f"{word} than the best plain method, {self.best_plain}: RMSE {abs(change):.1%} {side}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "rows": self.rows,
            "forecasts": self.forecasts,
            "network": self.network.to_dict(),
            "networks": [scores.to_dict() for scores in self.networks],
            "plain": {name: scores.to_dict() for name, scores in self.plain.items()},
        }


@dataclass(frozen=True)
class SeriesReport:
    """Scores on the parts that training did not learn from.

    Args:
        title: What was forecast.
        parts: By name.
    """

    title: str
    parts: Mapping[str, PartReport]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {"title": self.title, **{name: part.to_dict() for name, part in self.parts.items()}}

    def __str__(self) -> str:
        return "\n\n".join([self.title, *(_table(*item) for item in self.parts.items())])


def _table(name: str, part: PartReport) -> str:
    count = len(part.networks)
    label = "network" if count == 1 else f"network, mean of {count} seeds"
    lines = {label: part.network, **part.plain}
    width = max(map(len, lines)) + 2
    table = [f"{name}: {part.forecasts} forecasts, {part.rows}"]
    table.append(f"{'':{width}}{'RMSE':>10}{'MAE':>10}{'R²':>8}")
    table += [f"{label:{width}}{_numbers(scores)}" for label, scores in lines.items()]
    if count > 1:
        errors = [scores.rmse for scores in part.networks]
        table.append(
            f"RMSE of one network: {statistics.mean(errors):.4g} ± {statistics.stdev(errors):.2g}"
        )
    return "\n".join([*table, f"The network is {part.verdict}"])


def _numbers(scores: Scores) -> str:
    r2 = "–" if scores.r2 is None else f"{scores.r2:.3f}"
    return f"{scores.rmse:10.4g}{scores.mae:10.4g}{r2:>8}"
