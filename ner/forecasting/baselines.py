"""Plain forecasts, side by side with those of the network."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import Ridge

from ner.forecasting.coding import Coding
from ner.forecasting.report import score
from ner.forecasting.transforms import REFERENCES, SEASONAL, Origins, Values
from ner.forecasting.windows import Parts

# From origins (B) to forecasts (B h).
Method = Callable[[Origins], Values]

NAMES = {"last": "last value", "season": "last season", "drift": "last season and drift"}

# Against the sum of squared errors over standardised features; the development part chooses.
STRENGTHS = 10.0 ** np.arange(-2, 6)


def plain_methods(coding: Coding, values: Values, parts: Parts) -> dict[str, Method]:
    """Give the methods that make sense for a table, by name; fitted on the training part.

    Args:
        coding: Decides what is forecast from what.
        values: The table (N D).
        parts: Origins of its parts.
    """
    settings = coding.settings
    methods: dict[str, Method] = {}
    if settings.task == "rows":
        mean = values[parts.train, 0].mean()
        methods["mean of the training rows"] = lambda origins: np.full((len(origins), 1), mean)
    else:
        possible = [name for name in NAMES if settings.period or name not in SEASONAL]
        # Before the first forecast, a season has to be there that the window may not reach.
        first = min(parts.dev.min(), parts.test.min())
        for name in possible:
            if name in SEASONAL and first <= (settings.period or 0):
                continue
            methods[NAMES[name]] = lambda origins, reference=REFERENCES[name]: reference(
                values[:, 0], origins, settings.horizon, settings.period or 1
            )
    strength, linear = _best_ridge(coding, values, parts)
    methods[f"ridge on the same inputs (strength {strength:g})"] = linear
    return methods


def _best_ridge(coding: Coding, values: Values, parts: Parts) -> tuple[float, Method]:
    """Choose the strength with the least error on the development part."""
    windows = coding.windows

    def features(origins: Origins) -> Values:
        return coding.inputs.apply(windows.inputs(values, origins)).reshape(len(origins), -1)

    targets = windows.targets(values, parts.train)
    if coding.settings.task == "many-to-many":
        targets = targets[:, -1]
    inputs = features(parts.train)

    def method(strength: float) -> Method:
        ridge = Ridge(strength, solver="cholesky").fit(inputs, targets)

        def forecast(origins: Origins) -> Values:
            # A single step of a forecast comes without its axis.
            departures = ridge.predict(features(origins)).reshape(len(origins), -1)
            return windows.forecasts(values, origins, departures)

        return forecast

    truth = windows.truth(values, parts.dev)
    methods = {strength: method(strength) for strength in STRENGTHS.tolist()}
    best = min(methods, key=lambda strength: score(methods[strength](parts.dev), truth).rmse)
    return best, methods[best]
