"""Plain forecasts, side by side with those of the network."""

from collections.abc import Callable

import numpy as np

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


def ridge(inputs: Values, targets: Values, strength: float) -> tuple[Values, Values]:
    """Fit weights (D h) and biases (h) of linear regressions with an L2 penalty, in closed form.

    Args:
        inputs: Standardised features (N D).
        targets: Values (N h).
        strength: Of the penalty on squared weights, against the sum of squared errors.

    Source: Hoerl and Kennard, "Ridge Regression", Technometrics 12(1), 1970. Biases are not
    penalised.
    """
    centre, mean = inputs.mean(axis=0), targets.mean(axis=0)
    centred = inputs - centre
    weights = np.linalg.solve(
        centred.T @ centred + strength * np.eye(inputs.shape[1]), centred.T @ (targets - mean)
    )
    return weights, mean - centre @ weights


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
        weights, biases = ridge(inputs, targets, strength)
        return lambda origins: windows.forecasts(
            values, origins, features(origins) @ weights + biases
        )

    truth = windows.truth(values, parts.dev)
    methods = {strength: method(strength) for strength in STRENGTHS.tolist()}
    best = min(methods, key=lambda strength: score(methods[strength](parts.dev), truth).rmse)
    return best, methods[best]
