"""From a table of numbers to what a network reads and learns, and back.

Column 0 is what is forecast. A forecast begins at its origin, a row of the table; what the network
reads lies before it. Axes: N rows of the table, D columns, B origins, T steps that are read, F
features of a step, h steps that are forecast, and ... for B, or for B T where the network
forecasts at each step that it reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ner.errors import ConfigError, DataError
from ner.forecasting.settings import SeriesSettings
from ner.forecasting.transforms import REFERENCES, SEASONAL, Origins, Values

# The squares of larger numbers do not fit into a number any more.
LARGEST = 1e100


@dataclass(frozen=True)
class Parts:
    """Origins of the forecasts of each part of a table."""

    train: Origins
    dev: Origins
    test: Origins


class Windows:
    """Cuts windows, and turns values into departures from the reference and back.

    Args:
        settings: Of the series.
    """

    def __init__(self, settings: SeriesSettings) -> None:
        self.settings = settings
        self.reference = REFERENCES[settings.reference]

    def check(self, values: Values, where: str) -> None:
        """Refuse values that cannot be worked with.

        Raises:
            DataError: A value is too large, or one of the first column has no logarithm.
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
        """Give what the network reads (B T F), unscaled."""
        chosen = self.settings
        if chosen.task == "rows":
            return values[origins, None, 1:]
        # Axes: origin (B, 1) + step of the window (T).
        steps = origins[:, None] + np.arange(-chosen.window, 0)
        series = self._series(values)
        if chosen.reference in SEASONAL:
            assert chosen.period is not None
            window = series[steps] - series[steps - chosen.period]
        else:
            window = series[steps]
        if chosen.reference in ("last", "drift"):
            # Where each step forecasts, none may know the last value.
            anchor = 0 if chosen.task == "many-to-many" else -1
            window = window - window[:, anchor, None]
        features = [window[..., None], values[steps][..., 1:]]
        if chosen.phases:
            assert chosen.period is not None
            angles = 2 * np.pi * (steps % chosen.period)[..., None] / chosen.period
            features += [np.sin(angles), np.cos(angles)]
        inputs = np.concatenate(features, axis=2)
        # Steps that are taken in at once, side by side.
        patch = chosen.window if chosen.task == "one-to-many" else chosen.patch
        return inputs.reshape(len(origins), -1, patch * inputs.shape[2])

    def targets(self, values: Values, origins: Origins) -> Values:
        """Give what the network learns (... h): departures from the reference."""
        chosen = self.settings
        if chosen.task == "many-to-many":
            # Each step has an origin of its own, right after it.
            origins = origins[:, None] + np.arange(chosen.patch - chosen.window, 1, chosen.patch)
        # Axes: origin (..., 1) + step (h).
        coming = self._series(values)[origins[..., None] + np.arange(chosen.horizon)]
        return coming - self._references(values, origins)

    def forecasts(self, values: Values, origins: Origins, departures: Values) -> Values:
        """Turn departures from the reference (B h) into values."""
        forecasts = self._references(values, origins) + departures
        return np.exp(forecasts) if self.settings.log else forecasts

    def truth(self, values: Values, origins: Origins) -> Values:
        """Give what came (B h)."""
        return values[origins[:, None] + np.arange(self.settings.horizon), 0]

    def _series(self, values: Values) -> Values:
        return np.log(values[:, 0]) if self.settings.log else values[:, 0]

    def _references(self, values: Values, origins: Origins) -> Values:
        chosen = self.settings
        return self.reference(self._series(values), origins, chosen.horizon, chosen.period or 1)


def chronological_parts(
    num_rows: int, split: Sequence[float], settings: SeriesSettings, where: str
) -> Parts:
    """Cut a series into training, development and test part, in this order in time.

    No forecast of a part reaches into the next one. What is read for the first forecasts of a
    part lies in the one before it: by then it is known.

    Args:
        num_rows: Of the table.
        split: Rows of each part, or shares of all rows; what is left over at the end is not used.
        settings: Decide how much has to lie before a forecast.
        where: What messages call the table.

    Raises:
        ConfigError: The parts are not as they must be.
        DataError: A part is too short for a single forecast.
    """
    begin = settings.history
    found = []
    ends = np.cumsum(part_sizes(num_rows, split, where)).tolist()
    for name, end in zip(("training", "development", "test"), ends, strict=True):
        origins = np.arange(begin, end - settings.horizon + 1)
        if not len(origins):
            need = begin + settings.horizon
            raise DataError(
                f"{where}: the {name} part must reach to row {need} or beyond, for a window of "
                f"{settings.history} rows with what it is compared to and a horizon of "
                f"{settings.horizon}. Got {end} rows."
            )
        found.append(origins)
        begin = max(end, settings.history)
    return Parts(*found)


def random_parts(num_rows: int, split: Sequence[float], seed: int, where: str) -> Parts:
    """Cut rows without order into parts at random; arguments as for `chronological_parts`."""
    order = np.random.default_rng(seed).permutation(num_rows)
    ends = np.cumsum(part_sizes(num_rows, split, where))
    train, dev, test = (np.sort(part) for part in np.split(order[: ends[-1]], ends[:-1]))
    return Parts(train, dev, test)


def part_sizes(num_rows: int, split: Sequence[float], where: str) -> list[int]:
    """Count the rows of each part.

    Raises:
        ConfigError: There are not three parts, or they are no counts or shares of the rows.

    >>> part_sizes(144, (0.6, 0.2, 0.2), "file"), part_sizes(144, (100, 20, 20), "file")
    ([86, 29, 29], [100, 20, 20])
    """
    total = sum(split)
    shares = total <= 1 + 1e-9
    whole = all(float(part).is_integer() for part in split)
    if len(split) != 3 or not all(part > 0 for part in split) or not (shares or whole):
        raise ConfigError(
            "split: must be three numbers of rows, or three shares that add up to at most 1. Got "
            f"{' '.join(f'{part:g}' for part in split)}."
        )
    if not shares and total > num_rows:
        raise ConfigError(
            f"split: must add up to at most the {num_rows} rows of {where}. Got {total:g}."
        )
    if not shares:
        return [int(part) for part in split]
    if num_rows < 3:
        raise DataError(f"{where}: three parts need three rows or more. Got {num_rows}.")
    # Ends are rounded, not sizes, so that shares that add up to 1 take all rows.
    ends = [round(num_rows * sum(split[: i + 1])) for i in range(3)]
    return [end - begin for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
