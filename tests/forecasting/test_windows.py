"""What the network reads and learns, against loops over the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.errors import ConfigError, DataError
from ner.forecasting.baselines import STRENGTHS, plain_methods
from ner.forecasting.coding import Coding
from ner.forecasting.report import Scores, score
from ner.forecasting.settings import series_settings
from ner.forecasting.transforms import REFERENCES, Scaler
from ner.forecasting.windows import Windows, chronological_splits, random_splits, split_sizes

PERIOD = 4
NUMBERS = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


def table(rows=40, columns=2):
    return np.exp(np.random.default_rng(5).normal(size=(rows, columns)))


def reference_by_hand(name, y, origin, k):
    """Forecast step k from the values before `origin`."""
    season = y[origin + k % PERIOD - PERIOD]
    return {
        "none": 0.0,
        "last": y[origin - 1],
        "season": season,
        "drift": season + y[origin - 1] - y[origin - 1 - PERIOD],
    }[name]


@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_what_their_names_say(name):
    y = table()[:, 0]
    origins = np.array([[9, 12], [20, 30]])
    found = REFERENCES[name](y, origins, 9, PERIOD)
    expected = [
        [[reference_by_hand(name, y, o, k) for k in range(9)] for o in row] for row in origins
    ]
    assert np.allclose(found, expected)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_look_at_nothing_from_the_origin_on(name):
    y = table()[:, 0]
    blind = np.where(np.arange(len(y)) < 15, y, np.nan)
    assert np.isfinite(REFERENCES[name](blind, np.array([15]), 7, PERIOD)).all()


def inputs_by_hand(settings, values, origin):
    """Build the features of a window step by step."""
    y = np.log(values[:, 0]) if settings.log else values[:, 0]
    shift = PERIOD if settings.reference in ("season", "drift") else None
    rows = range(origin - settings.window, origin)
    series = [y[t] - (y[t - shift] if shift else 0) for t in rows]
    if settings.reference in ("last", "drift"):
        anchor = series[0] if settings.task == "many-to-many" else series[-1]
        series = [value - anchor for value in series]
    steps = []
    for t, value in zip(rows, series, strict=True):
        angle = 2 * math.pi * (t % PERIOD) / PERIOD
        phases = [math.sin(angle), math.cos(angle)] if settings.phases else []
        steps.append([value, *values[t, 1:], *phases])
    return np.array(steps)


@pytest.mark.parametrize("task", ["many-to-one", "many-to-many", "one-to-many"])
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("phases", [False, True])
@pytest.mark.parametrize("patch", [1, 2])
def test_windows_are_those_of_a_loop_over_steps(task, name, log, phases, patch):
    settings = series_settings(
        task=task,
        window=6,
        patch=patch,
        horizon=3,
        reference=name,
        period=PERIOD,
        log=log,
        phases=phases,
    )
    values, origins = table(), np.array([10, 17, 37])
    windows = Windows(settings)
    expected = np.array([inputs_by_hand(settings, values, o) for o in origins])
    shape = (3, 1 if task == "one-to-many" else 6 // patch, -1)
    assert np.allclose(windows.inputs(values, origins), expected.reshape(shape))

    y = np.log(values[:, 0]) if log else values[:, 0]

    def departures(origin):
        return [y[origin + k] - reference_by_hand(name, y, origin, k) for k in range(3)]

    if task == "many-to-many":
        learnt = [[departures(t + 1) for t in range(o - 7 + patch, o, patch)] for o in origins]
    else:
        learnt = [departures(o) for o in origins]
    assert np.allclose(windows.targets(values, origins), learnt)


@pytest.mark.parametrize("task", ["many-to-one", "many-to-many", "one-to-many"])
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("scaling", ["standard", "min-max"])
def test_outputs_that_are_the_targets_are_the_values_that_come(task, name, scaling):
    settings = series_settings(
        task=task, window=5, horizon=6, reference=name, period=PERIOD, log=True, scaling=scaling
    )
    values, origins = table(), np.arange(9, 35)
    coding = Coding.fit(settings, values, origins[:10])
    found = coding.decode(values, origins, coding.encode_targets(values, origins))
    assert np.allclose(found, coding.windows.truth(values, origins), rtol=1e-5)
    assert np.array_equal(coding.windows.truth(values, origins)[3], values[12:18, 0])


@pytest.mark.parametrize("name", REFERENCES)
def test_in_many_to_many_no_step_sees_what_comes_after_it(name):
    settings = series_settings(
        task="many-to-many", window=6, horizon=2, reference=name, period=PERIOD, phases=True
    )
    values, origin = table(), np.array([20])
    before = Windows(settings).inputs(values, origin)
    for step in range(6):
        changed = values.copy()
        changed[20 - 6 + step + 1 :] += 100
        after = Windows(settings).inputs(changed, origin)
        assert np.array_equal(before[:, : step + 1], after[:, : step + 1])


def test_rows_are_estimated_from_their_other_columns():
    windows = Windows(series_settings(task="rows"))
    values, rows = table(columns=3), np.array([3, 1])
    assert np.array_equal(windows.inputs(values, rows), values[[3, 1]][:, None, 1:])
    assert np.array_equal(windows.targets(values, rows), values[[3, 1]][:, :1])


@pytest.mark.parametrize("kind", ["standard", "min-max"])
@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1))
def test_scaling_can_be_undone(kind, rows):
    values = np.array(rows)
    scaler = Scaler.fit(values, kind)
    scaled = scaler.apply(values)
    assert np.allclose(scaler.invert(scaled), values, atol=1e-6)
    for column, one in zip(values.T, scaled.T, strict=True):
        if np.ptp(column) == 0:
            assert not one.any()
        elif kind == "standard":
            assert np.allclose([one.mean(), one.std()], [0, 1], atol=1e-6)
        else:
            assert np.allclose([one.min(), one.max()], [0, 1])


def test_a_scaler_survives_json_and_refuses_anything_else():
    scaler = Scaler.fit(table(), "standard")
    again = Scaler.from_dict(scaler.to_dict())
    assert np.array_equal(again.apply(table()), scaler.apply(table()))
    for broken in ({"shift": [0.0], "factor": [0.0]}, {"shift": [0.0], "factor": [1.0, 1.0]}):
        with pytest.raises(ValueError, match="a scaler has"):
            Scaler.from_dict(broken)


def test_splits_follow_each_other_in_time_and_share_no_step_that_is_forecast():
    settings = series_settings(window=6, horizon=3, reference="season", period=PERIOD)
    splits = chronological_splits(50, (0.6, 0.2, 0.2), settings, "series.csv")
    ends = [
        {int(origin) + k for origin in origins for k in range(3)}
        for origins in (splits.train, splits.dev, splits.test)
    ]
    assert ends == [set(range(10, 30)), set(range(30, 40)), set(range(40, 50))]


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("scaling", ["standard", "min-max"])
def test_nothing_of_the_training_split_knows_what_comes_after_it(name, scaling):
    settings = series_settings(
        window=6, horizon=3, reference=name, period=PERIOD, scaling=scaling, phases=True
    )
    values = table(50)
    splits = chronological_splits(50, (30, 10, 10), settings, "series.csv")
    changed = values.copy()
    changed[30:] = 1e6
    codings = [Coding.fit(settings, each, splits.train) for each in (values, changed)]
    assert codings[0].to_dict() == codings[1].to_dict()
    arrays = [
        c.encode(v, splits.train)["values"] for c, v in zip(codings, (values, changed), strict=True)
    ]
    assert np.array_equal(*arrays)
    targets = [
        c.encode_targets(v, splits.train) for c, v in zip(codings, (values, changed), strict=True)
    ]
    assert np.array_equal(*targets)


def test_rows_are_split_at_random_by_their_seed():
    splits = random_splits(20, (0.5, 0.25, 0.25), 7, "rows.csv")
    sizes = [len(rows) for rows in (splits.train, splits.dev, splits.test)]
    assert sizes == [10, 5, 5]
    assert sorted(np.concatenate([splits.train, splits.dev, splits.test])) == list(range(20))
    again = random_splits(20, (0.5, 0.25, 0.25), 7, "rows.csv")
    other = random_splits(20, (0.5, 0.25, 0.25), 8, "rows.csv")
    assert np.array_equal(splits.test, again.test)
    assert not np.array_equal(splits.test, other.test)


def test_rows_that_are_left_over_are_not_used():
    assert split_sizes(17420, (8640, 2880, 2880), "ETTh1.csv") == [8640, 2880, 2880]
    assert sum(split_sizes(10, (0.5, 0.1, 0.1), "file")) == 7


@pytest.mark.parametrize(
    ("split", "message"),
    [
        pytest.param(
            (0.5, 0.5),
            "split: must be three numbers of rows, or three shares that add up to at ",
            id="two shares",
        ),
        pytest.param(
            (0.5, 0.6, 0.2),
            r"split: must be .* at most 1\. Got 0\.5 0\.6 0\.2\.",
            id="shares above 1",
        ),
        pytest.param((0.5, 0.5, 0), "split: must be three", id="a share of 0"),
        pytest.param(
            (10, 10, 20),
            r"split: must add up to at most the 30 rows of file\. Got 40\.",
            id="more rows than there are",
        ),
    ],
)
def test_a_split_that_is_not_valid_is_refused(split, message):
    with pytest.raises(ConfigError, match=message):
        split_sizes(30, split, "file")


@pytest.mark.parametrize(
    ("split", "name", "need", "got"),
    [
        pytest.param((8, 10, 10), "training", 9, 8, id="training"),
        pytest.param((12, 2, 10), "development", 15, 14, id="development"),
    ],
)
def test_a_split_that_is_too_short_says_what_it_needs(split, name, need, got):
    settings = series_settings(window=6, horizon=3)
    with pytest.raises(DataError) as error:
        chronological_splits(30, split, settings, "file")
    assert str(error.value) == (
        f"file: the {name} split must reach row {need}, because a forecast reads 6 rows and "
        f"forecasts 3. Got {got} rows."
    )


@pytest.mark.parametrize(
    ("value", "log", "message"),
    [
        pytest.param(
            -2,
            True,
            "file: values must be above 0 to have logarithms. Got -2 in row 8.",
            id="negative",
        ),
        pytest.param(
            0, True, "file: values must be above 0 to have logarithms. Got 0 in row 8.", id="zero"
        ),
        pytest.param(
            1e200,
            False,
            "file: values must lie between -1e+100 and 1e+100. Got 1e+200 in row 8.",
            id="huge",
        ),
    ],
)
def test_values_that_cannot_be_worked_with_are_refused(value, log, message):
    values = table()
    values[7, 0] = value
    with pytest.raises(DataError) as error:
        Windows(series_settings(log=log)).check(values, "file")
    assert str(error.value) == message
    Windows(series_settings(log=log)).check(table(), "file")


def test_scores_are_those_of_their_definitions():
    truth, forecasts = table(5, 3), table(5, 3) + np.arange(15).reshape(5, 3)
    errors = [f - t for f, t in zip(forecasts.flat, truth.flat, strict=True)]
    mean = sum(truth.flat) / 15
    expected = Scores(
        rmse=math.sqrt(sum(e * e for e in errors) / 15),
        mae=sum(map(abs, errors)) / 15,
        r2=1 - sum(e * e for e in errors) / sum((t - mean) ** 2 for t in truth.flat),
    )
    found = score(forecasts, truth)
    assert list(found.to_dict().values()) == pytest.approx(list(expected.to_dict().values()))
    assert score(np.ones(3), np.ones(3)).r2 is None


def test_ridge_is_the_least_penalised_error():
    random = np.random.default_rng(2)
    settings = series_settings(task="rows", scaling="min-max")
    inputs = random.normal(size=(60, 3))
    values = np.column_stack([inputs @ [2, 0, -1] + 5 + random.normal(size=60), inputs])
    splits = random_splits(60, (0.5, 0.25, 0.25), 1, "file")
    coding = Coding.fit(settings, values, splits.train)
    (_, (name, method)) = plain_methods(coding, values, splits).items()
    strength = float(name.removeprefix("ridge on the same inputs (strength ").removesuffix(")"))
    features, targets = coding.inputs.apply(values[:, 1:]), values[:, 0]

    def cost(strength, weights, bias):
        errors = features[splits.train] @ weights + bias - targets[splits.train]
        return np.square(errors).sum() + strength * np.square(weights).sum()

    # Forecasts are linear in the features, so they determine weights and bias.
    forecasts = method(np.arange(60))[:, 0]
    (*weights, bias), *_ = np.linalg.lstsq(
        np.column_stack([features, np.ones(60)]), forecasts, rcond=None
    )
    assert np.allclose(features @ weights + bias, forecasts)
    best = cost(strength, np.array(weights), bias)
    for _ in range(50):
        moved = weights + random.normal(scale=1e-3, size=3)
        assert cost(strength, moved, bias + random.normal(scale=1e-3)) > best

    def dev_error(strength):
        """Solve the normal equations of centred values."""
        centre, mean = features[splits.train].mean(axis=0), targets[splits.train].mean()
        centred = features[splits.train] - centre
        gram = centred.T @ centred + strength * np.eye(3)
        solved = np.linalg.solve(gram, centred.T @ (targets[splits.train] - mean))
        found = (features[splits.dev] - centre) @ solved + mean
        return np.square(found - targets[splits.dev]).mean()

    assert dev_error(strength) == min(map(dev_error, STRENGTHS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"horizon": 0}, "horizon: must be a whole number of at least 1. Got 0.", id="horizon 0"
        ),
        pytest.param(
            {"window": -1},
            "window: must be a whole number of at least 1. Got -1.",
            id="window below 0",
        ),
        pytest.param(
            {"window": 12, "patch": 5}, "patch: must divide the window, 12. Got 5.", id="patch"
        ),
        pytest.param(
            {"seeds": 0}, "seeds: must be a whole number of at least 1. Got 0.", id="seeds 0"
        ),
        pytest.param(
            {"period": 1}, "period: must be a whole number of at least 2. Got 1.", id="period 1"
        ),
        pytest.param(
            {"phases": True},
            "period: must be given for phases. Got none.",
            id="phases without period",
        ),
        pytest.param(
            {"reference": "drift"},
            "period: must be given for the reference drift. Got none.",
            id="drift without period",
        ),
        pytest.param(
            {"reference": "x"},
            "reference: must be one of none, last, season, drift. Got 'x'.",
            id="an unknown reference",
        ),
        pytest.param(
            {"scaling": "x"},
            "scaling: must be one of standard, min-max. Got 'x'.",
            id="an unknown scaling",
        ),
        pytest.param(
            {"task": "rows", "horizon": 2},
            "horizon: must be 1 for rows. Got 2.",
            id="rows far ahead",
        ),
        pytest.param(
            {"task": "rows", "reference": "last"},
            "reference: must be none for rows. Got last.",
            id="rows with a reference",
        ),
        pytest.param(
            {"task": "many-to-many", "encoder": {"bidirectional": True}},
            "encoder.bidirectional: must be False for many-to-many, where a step must not see the "
            "steps that it forecasts. Got True.",
            id="both directions",
        ),
        pytest.param(
            {"training": {"export": True}},
            "training.export: has no meaning for a series. Leave it out.",
            id="export",
        ),
        pytest.param(
            {"training": {"batch_size": "auto"}},
            "training.batch_size: must be a whole number of at least 1. Got auto.",
            id="batch size auto",
        ),
        pytest.param(
            {"training": {"epochs": 0}},
            "training.epochs: must be a whole number of at least 1. Got 0.",
            id="epochs 0",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_refused(settings, message):
    with pytest.raises(ConfigError) as error:
        series_settings(**settings)
    assert str(error.value) == message


def test_an_unknown_setting_of_a_section_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"training\.epoch: unknown key\. Did you mean"):
        series_settings(training={"epoch": 3})


def test_settings_survive_json():
    settings = series_settings(window=3, encoder={"cell": "gru"}, training={"betas": [0.9, 0.95]})
    assert series_settings(**settings.to_dict()) == settings
