"""Errors of forecasts, and the report of a run, which compares the network with plain methods."""

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
        r2: Share of the variance of the true values that is explained. It is below 0 where their
            mean would be a better forecast, and None where they are all equal.
    """

    rmse: float
    mae: float
    r2: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return everything in a form that JSON can hold."""
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
class SplitReport:
    """Scores on one split of a table.

    Args:
        rows: The rows of the split, in words.
        forecasts: The number of forecasts.
        network: Scores of the mean of all networks.
        networks: Scores of each network.
        plain: Scores of the plain methods, by name.
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
        """Tell in a sentence whether the network is better than the best plain method."""
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
        """Return everything in a form that JSON can hold."""
        return {
            "rows": self.rows,
            "forecasts": self.forecasts,
            "network": self.network.to_dict(),
            "networks": [scores.to_dict() for scores in self.networks],
            "plain": {name: scores.to_dict() for name, scores in self.plain.items()},
        }


@dataclass(frozen=True)
class SeriesReport:
    """Scores on the splits that training does not learn from; printing it gives tables.

    Args:
        title: What is forecast.
        splits: The scores of each split, by name.
    """

    title: str
    splits: Mapping[str, SplitReport]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in a form that JSON can hold."""
        splits = {name: split.to_dict() for name, split in self.splits.items()}
        return {"title": self.title, **splits}

    def __str__(self) -> str:
        return "\n\n".join([self.title, *(_table(*item) for item in self.splits.items())])


def _table(name: str, split: SplitReport) -> str:
    count = len(split.networks)
    label = "network" if count == 1 else f"network, mean of {count} seeds"
    lines = {label: split.network, **split.plain}
    width = max(map(len, lines)) + 2
    table = [f"{name}: {split.forecasts} forecasts, {split.rows}"]
    table.append(f"{'':{width}}{'RMSE':>10}{'MAE':>10}{'R²':>8}")
    table += [f"{label:{width}}{_numbers(scores)}" for label, scores in lines.items()]
    if count > 1:
        errors = [scores.rmse for scores in split.networks]
        table.append(
            f"RMSE of one network: {statistics.mean(errors):.4g} ± {statistics.stdev(errors):.2g}"
        )
    return "\n".join([*table, f"The network is {split.verdict}"])


def _numbers(scores: Scores) -> str:
    r2 = "–" if scores.r2 is None else f"{scores.r2:.3f}"
    return f"{scores.rmse:10.4g}{scores.mae:10.4g}{r2:>8}"
