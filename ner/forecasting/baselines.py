"""Plain forecasts, which a network has to beat."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import Ridge

from ner.forecasting.coding import Coding
from ner.forecasting.report import score
from ner.forecasting.transforms import REFERENCES, SEASONAL, Origins, Values
from ner.forecasting.windows import Splits

# From origins (B) to forecasts (B h).
Method = Callable[[Origins], Values]

NAMES = {"last": "last value", "season": "last season", "drift": "last season and drift"}

# Weights of the penalty against the sum of squared errors, for standardised features.
STRENGTHS = 10.0 ** np.arange(-2, 6)


def plain_methods(coding: Coding, values: Values, splits: Splits) -> dict[str, Method]:
    """Build the plain methods that suit a table, by name; they are fitted on the training split.

    Args:
        coding: Decides what is forecast from what.
        values: The table (N D).
        splits: The origins in each split.
    """
    settings = coding.settings
    methods: dict[str, Method] = {}
    if settings.task == "rows":
        mean = values[splits.train, 0].mean()
        methods["mean of the training rows"] = lambda origins: np.full((len(origins), 1), mean)
    else:
        possible = [name for name in NAMES if settings.period or name not in SEASONAL]
        # A whole season must precede the first forecast, even if the window is shorter.
        first = min(splits.dev.min(), splits.test.min())
        for name in possible:
            if name in SEASONAL and first <= (settings.period or 0):
                continue
            methods[NAMES[name]] = lambda origins, reference=REFERENCES[name]: reference(
                values[:, 0], origins, settings.horizon, settings.period or 1
            )
    strength, linear = _best_ridge(coding, values, splits)
    methods[f"ridge on the same inputs (strength {strength:g})"] = linear
    return methods


def _best_ridge(coding: Coding, values: Values, splits: Splits) -> tuple[float, Method]:
    """Fit ridge regressions, and choose the one with the least error on the development split.

    Source: Hoerl and Kennard, "Ridge Regression", Technometrics 12(1), 1970. Biases are not
    penalised.
    """
    windows = coding.windows

    def features(origins: Origins) -> Values:
        return coding.inputs.apply(windows.inputs(values, origins)).reshape(len(origins), -1)

    targets = windows.targets(values, splits.train)
    if coding.settings.task == "many-to-many":
        targets = targets[:, -1]
    inputs = features(splits.train)

    def method(strength: float) -> Method:
        ridge = Ridge(strength, solver="cholesky").fit(inputs, targets)

        def forecast(origins: Origins) -> Values:
            # Forecasts of a single step have no axis of steps.
            departures = ridge.predict(features(origins)).reshape(len(origins), -1)
            return windows.forecasts(values, origins, departures)

        return forecast

    truth = windows.truth(values, splits.dev)
    methods = {strength: method(strength) for strength in STRENGTHS.tolist()}
    best = min(methods, key=lambda strength: score(methods[strength](splits.dev), truth).rmse)
    return best, methods[best]
