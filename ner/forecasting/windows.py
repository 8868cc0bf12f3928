"""What a network reads and learns from a table of numbers, and how its outputs become values.

Column 0 is forecast. A forecast begins at its origin, a row of the table, and the network reads
rows before it. Axes: N rows of the table, D columns, B origins, T steps that are read, F features
of a step, h steps that are forecast, and ... for B, or for B T where the network forecasts at each
step that it reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ner.errors import ConfigError, DataError
from ner.forecasting.settings import SeriesSettings
from ner.forecasting.transforms import REFERENCES, SEASONAL, Origins, Values

# The squares of larger numbers may overflow.
LARGEST = 1e100


@dataclass(frozen=True)
class Splits:
    """The origins of the forecasts in each split of a table."""

    train: Origins
    dev: Origins
    test: Origins


class Windows:
    """Cuts windows out of a table, and converts values to departures from the reference and back.

    Args:
        settings: Of the series.
    """

    def __init__(self, settings: SeriesSettings) -> None:
        self.settings = settings
        self.reference = REFERENCES[settings.reference]

    def check(self, values: Values, where: str) -> None:
        """Check that a network can read the values.

        Raises:
            DataError: A value is too large, or a value of the first column has no logarithm.
        """
        for wrong, rule in (
            (np.abs(values) > LARGEST, f"lie between {-LARGEST:g} and {LARGEST:g}"),
            (
                values[:, :1] <= 0 if self.settings.log else np.zeros((1, 1)),
                "be above 0 to have logarithms",
            ),
        ):
            if wrong.any():
                row, column = (int(i) for i in np.argwhere(wrong)[0])
                raise DataError(
                    f"{where}: values must {rule}. Got {values[row, column]:g} in row {row + 1}."
                )

    def inputs(self, values: Values, origins: Origins) -> Values:
        """Compute what the network reads (B T F), not scaled yet."""
        settings = self.settings
        if settings.task == "rows":
            return values[origins, None, 1:]
        # Axes: origin (B, 1) + step of the window (T).
        steps = origins[:, None] + np.arange(-settings.window, 0)
        series = self._series(values)
        if settings.reference in SEASONAL:
            assert settings.period is not None
            window = series[steps] - series[steps - settings.period]
        else:
            window = series[steps]
        if settings.reference in ("last", "drift"):
            # Where each step forecasts, no step may know the last value.
            anchor = 0 if settings.task == "many-to-many" else -1
            window = window - window[:, anchor, None]
        features = [window[..., None], values[steps][..., 1:]]
        if settings.phases:
            assert settings.period is not None
            angles = 2 * np.pi * (steps % settings.period)[..., None] / settings.period
            features += [np.sin(angles), np.cos(angles)]
        inputs = np.concatenate(features, axis=2)
        # The steps of a patch become features of one step.
        patch = settings.window if settings.task == "one-to-many" else settings.patch
        return inputs.reshape(len(origins), -1, patch * inputs.shape[2])

    def targets(self, values: Values, origins: Origins) -> Values:
        """Compute what the network learns (... h): departures from the reference."""
        settings = self.settings
        if settings.task == "many-to-many":
            # Each step has an origin of its own, right after it.
            ends = np.arange(settings.patch - settings.window, 1, settings.patch)
            origins = origins[:, None] + ends
        # Axes: origin (..., 1) + step (h).
        coming = self._series(values)[origins[..., None] + np.arange(settings.horizon)]
        return coming - self._references(values, origins)

    def forecasts(self, values: Values, origins: Origins, departures: Values) -> Values:
        """Convert departures from the reference (B h) to values."""
        forecasts = self._references(values, origins) + departures
        return np.exp(forecasts) if self.settings.log else forecasts

    def truth(self, values: Values, origins: Origins) -> Values:
        """Look up the true values (B h)."""
        return values[origins[:, None] + np.arange(self.settings.horizon), 0]

    def _series(self, values: Values) -> Values:
        return np.log(values[:, 0]) if self.settings.log else values[:, 0]

    def _references(self, values: Values, origins: Origins) -> Values:
        settings = self.settings
        return self.reference(self._series(values), origins, settings.horizon, settings.period or 1)


def chronological_splits(
    num_rows: int, split: Sequence[float], settings: SeriesSettings, where: str
) -> Splits:
    """Split a series into training, development and test rows, in this order in time.

    No forecast reaches into the next split. The first forecasts of a split read rows of the split
    before it, which are known by then.

    Args:
        num_rows: Rows of the table.
        split: Rows of each split, or shares of all rows. Rows left over at the end are not used.
        settings: Decide how many rows must precede a forecast.
        where: The name of the table in messages.

    Raises:
        ConfigError: The numbers in `split` are not valid.
        DataError: A split is too short for a single forecast.
    """
    begin = settings.history
    origins: list[Origins] = []
    ends = np.cumsum(split_sizes(num_rows, split, where)).tolist()
    for name, end in zip(("training", "development", "test"), ends, strict=True):
        origins.append(np.arange(begin, end - settings.horizon + 1))
        if not len(origins[-1]):
            raise DataError(
                f"{where}: the {name} split must reach row {begin + settings.horizon}, because a "
                f"forecast reads {settings.history} rows and forecasts {settings.horizon}. "
                f"Got {end} rows."
            )
        begin = max(end, settings.history)
    return Splits(*origins)


def random_splits(num_rows: int, split: Sequence[float], seed: int, where: str) -> Splits:
    """Split rows without order at random; arguments as for `chronological_splits`."""
    order = np.random.default_rng(seed).permutation(num_rows)
    ends = np.cumsum(split_sizes(num_rows, split, where))
    train, dev, test = (np.sort(rows) for rows in np.split(order[: ends[-1]], ends[:-1]))
    return Splits(train, dev, test)


def split_sizes(num_rows: int, split: Sequence[float], where: str) -> list[int]:
    """Count the rows of each split.

    Args:
        num_rows: Rows of the table.
        split: Rows of each split, or shares of all rows.
        where: The name of the table in messages.

    Raises:
        ConfigError: There are not three numbers, or they are neither counts nor shares of the rows.
        DataError: There are fewer rows than splits.

    >>> split_sizes(144, (0.6, 0.2, 0.2), "file"), split_sizes(144, (100, 20, 20), "file")
    ([86, 29, 29], [100, 20, 20])
    """
    total = sum(split)
    are_shares = total <= 1 + 1e-9
    are_whole = all(float(size).is_integer() for size in split)
    if len(split) != 3 or not all(size > 0 for size in split) or not (are_shares or are_whole):
        raise ConfigError(
            "split: must be three numbers of rows, or three shares that add up to at most 1. Got "
            f"{' '.join(f'{size:g}' for size in split)}."
        )
    if not are_shares and total > num_rows:
        raise ConfigError(
            f"split: must add up to at most the {num_rows} rows of {where}. Got {total:g}."
        )
    if not are_shares:
        return [int(size) for size in split]
    if num_rows < 3:
        raise DataError(f"{where}: must have at least 3 rows, one for each split. Got {num_rows}.")
    # Ends are rounded, not sizes, so that shares that add up to 1 use all rows.
    ends = [round(num_rows * sum(split[: i + 1])) for i in range(3)]
    return [end - begin for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
