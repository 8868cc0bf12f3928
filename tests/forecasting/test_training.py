"""Networks of series: that they learn, that a run can be resumed, that a folder keeps them."""

import signal

import numpy as np
import pytest
import torch

from ner.errors import ConfigError, DataError, ModelFolderError, TrainingError
from ner.files import read_json
from ner.forecasting.coding import Coding
from ner.forecasting.forecaster import Forecaster, load_forecaster
from ner.forecasting.network import build_network
from ner.forecasting.run import train_series
from ner.forecasting.settings import series_settings
from ner.forecasting.tables import Table
from ner.forecasting.training import build_trainer
from ner.forecasting.windows import chronological_splits
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.trainer import Epoch
from tests.tolerance import additions, float32_bound

CPU = torch.device("cpu")
TASKS = ["many-to-one", "many-to-many", "one-to-many"]


def wave(rows=120):
    """Make a sine whose period is not a whole number of steps."""
    return np.sin(np.arange(rows) / 2.3)[:, None]


def as_table(values, where="wave.csv"):
    names = tuple("abc"[: values.shape[1]])
    rows = [[repr(float(cell)) for cell in row] for row in values]
    return Table(where, names, rows, range(1, len(rows) + 1))


def settings_of(task="many-to-one", epochs=30, **changes):
    training = {"epochs": epochs, "learning_rate": 0.01, "batch_size": 16, "ema": 0.9}
    given = {"encoder": {"size": 12}, "seeds": 1, "window": 10, "horizon": 3} | changes
    return series_settings(task=task, training=training | {"device": "cpu"}, **given)


@pytest.mark.parametrize("task", TASKS)
def test_a_sine_is_learnt_far_better_than_naively(tmp_path, task):
    result = train_series(as_table(wave()), settings_of(task, epochs=40), out=tmp_path / "run")
    test = result.report.splits["test"]
    assert test.network.rmse < test.plain["last value"].rmse / 5
    assert test.network.r2 > 0.95


def test_rows_are_learnt_where_a_line_does_not_fit(tmp_path):
    inputs = np.random.default_rng(3).uniform(-1, 1, size=(200, 2))
    values = np.column_stack([inputs[:, 0] * inputs[:, 1], inputs])
    settings = settings_of("rows", epochs=60, horizon=1, encoder={"size": 24})
    result = train_series(as_table(values), settings, column="a", out=tmp_path / "run")
    test = result.report.splits["test"]
    assert next(iter(test.plain)) == "mean of the training rows"
    assert test.network.rmse < min(scores.rmse for scores in test.plain.values()) / 2
    estimates = result.forecaster.estimate(inputs[:5])
    assert np.allclose(estimates, values[:5, 0], atol=0.2)


def test_further_columns_are_read(tmp_path):
    noise = np.random.default_rng(4).normal(size=120)
    # The second column is one step ahead of the first.
    values = np.column_stack([np.roll(noise, 1), noise])
    runs = {
        inputs: train_series(
            as_table(values),
            settings_of(window=4, horizon=1, reference="none", epochs=40),
            column="a",
            inputs=inputs,
            out=tmp_path / f"run{len(inputs)}",
        )
        for inputs in ((), ("b",))
    }
    scores = {inputs: run.report.splits["test"].network.rmse for inputs, run in runs.items()}
    assert scores[("b",)] < scores[()] / 2


def trainer_of(task, seed=1, epochs=4):
    settings = settings_of(task, epochs=epochs, encoder={"size": 6, "dropout": 0.2})
    values = wave(90)
    splits = chronological_splits(90, (0.6, 0.2, 0.2), settings, "wave")
    return build_trainer(Coding.fit(settings, values, splits.train), values, splits, seed, CPU)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, task, stop):
    whole = trainer_of(task)
    expected = [e.metrics for e in whole.run() if isinstance(e, Epoch)]
    first = trainer_of(task)
    for number, _ in enumerate(first.run(), 1):
        if number == stop:
            save_checkpoint(tmp_path, first, {"identity": {}, "history": []})
            break
    second = trainer_of(task, seed=9)
    newest_checkpoint(tmp_path).restore(second)
    # The order of windows comes from the seed, not from the checkpoint.
    second.batches.seed = 1
    rest = [e.metrics for e in second.run() if isinstance(e, Epoch)]
    assert [m["rmse"] for m in rest] == [m["rmse"] for m in expected[-len(rest) :]]
    for name, tensor in whole.best_weights.items():
        assert torch.equal(tensor, second.best_weights[name])


def test_a_run_that_is_interrupted_goes_on_to_the_same_model(tmp_path):
    table, settings = as_table(wave(90)), settings_of(epochs=5, seeds=2)
    whole = train_series(table, settings, out=tmp_path / "whole")
    lines = []

    def interrupt(line):
        lines.append(line)
        if line.startswith("seed 1"):
            # The second network is about to begin.
            signal.raise_signal(signal.SIGINT)

    # A process in the background of a shell ignores the signal by default.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train_series(table, settings, out=tmp_path / "cut", notify=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    resumed = train_series(table, settings, out=tmp_path / "cut", resume=True)
    weights = [(run.model / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]
    histories = [read_json(tmp_path / run / "seed-2" / "metrics.json") for run in ("whole", "cut")]
    assert [m["loss"] for m in histories[0]] == [m["loss"] for m in histories[1]]


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, SystemExit),
        (signal.SIGHUP, SystemExit),
    ],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_a_checkpoint_is_written_when_a_step_is_interrupted(tmp_path, monkeypatch, number, error):
    table, settings = as_table(wave(90)), settings_of(epochs=5)
    whole = train_series(table, settings, out=tmp_path / "whole")
    decode, calls = Coding.decode, []

    def interrupting(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            signal.raise_signal(number)
        return decode(*arguments)

    monkeypatch.setattr(Coding, "decode", interrupting)
    lines = []
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(error) as raised:
            train_series(table, settings, out=tmp_path / "cut", notify=lines.append)
    finally:
        assert signal.signal(number, before) is signal.default_int_handler
    if error is SystemExit:
        assert raised.value.code == 128 + number
    assert lines[-1] == f"Interrupted; go on with --resume --out {tmp_path / 'cut'}"
    assert newest_checkpoint(tmp_path / "cut" / "seed-1" / "checkpoints").path.name.startswith(
        "epoch-00002"
    )
    monkeypatch.undo()
    resumed = train_series(table, settings, out=tmp_path / "cut", resume=True)
    weights = [(run.model / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, monkeypatch):
    decode = Coding.decode

    def hanging_up(*arguments):
        signal.raise_signal(signal.SIGHUP)
        return decode(*arguments)

    monkeypatch.setattr(Coding, "decode", hanging_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        train_series(as_table(wave(90)), settings_of(epochs=2), out=tmp_path)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_is_resumed_with_its_own_settings_and_data_alone(tmp_path):
    train_series(as_table(wave(90)), settings_of(epochs=2), out=tmp_path / "run")
    others = [
        (wave(90), settings_of(epochs=3)),
        (wave(90) + 1, settings_of(epochs=2)),
    ]
    for values, settings in others:
        with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
            train_series(as_table(values), settings, out=tmp_path / "run", resume=True)
    with pytest.raises(TrainingError, match="a new run needs a new or empty folder"):
        train_series(as_table(wave(90)), settings_of(epochs=2), out=tmp_path / "run")


def test_the_test_split_changes_nothing_but_its_own_figures(tmp_path):
    values = wave(100)
    changed = values.copy()
    changed[80:] = 50
    runs = [
        train_series(as_table(v), settings_of(epochs=2), out=tmp_path / str(i))
        for i, v in enumerate((values, changed))
    ]
    weights = [(run.model / "model.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]
    manifests = [read_json(run.model / "manifest.json") for run in runs]
    assert manifests[0]["scaling"] == manifests[1]["scaling"]
    reports = [run.report.splits for run in runs]
    assert reports[0]["development"] == reports[1]["development"]
    assert reports[0]["test"] != reports[1]["test"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a small model, and return the result of the run."""
    settings = settings_of(epochs=2, seeds=2, reference="drift", period=5, phases=True)
    return train_series(as_table(wave(100)), settings, out=tmp_path_factory.mktemp("run") / "a")


def test_a_folder_gives_the_same_forecasts(trained):
    loaded = load_forecaster(trained.model)
    assert np.array_equal(loaded.forecast(wave()), trained.forecaster.forecast(wave()))
    assert loaded.coding.settings == trained.forecaster.coding.settings
    assert loaded.columns == ("a",)
    assert loaded.record["report"] == trained.report.to_dict()


def test_a_run_leaves_pictures_curves_and_a_report(trained):
    folder = trained.model.parent
    for name in ("forecasts.png", "seed-1/learning-curve.png", "seed-2/learning-curve.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert read_json(folder / "report.json") == trained.report.to_dict()
    assert len(read_json(folder / "seed-2" / "metrics.json")) == 2
    assert str(trained.report) in (trained.model / "README.md").read_text(encoding="utf-8")


def test_a_forecast_is_the_mean_of_the_networks(trained):
    origins = np.array([40, 60, 100])
    each = trained.forecaster.predict_each(wave(), origins)
    assert not np.array_equal(each[0], each[1])
    assert np.allclose(trained.forecaster.predict(wave(), origins), np.mean(each, axis=0))


@pytest.mark.numeric
def test_a_forecast_does_not_depend_on_its_batch(trained):
    forecaster, origins = trained.forecaster, np.arange(15, 100)
    together = forecaster.predict(wave(), origins)
    alone = np.concatenate([forecaster.predict(wave(), origins[i : i + 1]) for i in range(85)])
    terms = max(additions(network) for network in forecaster.networks)
    assert np.allclose(together, alone, rtol=0, atol=float32_bound(alone, terms))


def test_a_forecast_needs_as_much_as_the_network_reads(trained):
    assert trained.forecaster.coding.settings.history == 15
    assert trained.forecaster.forecast(wave(15)).shape == (3,)
    with pytest.raises(DataError, match=r"at least 15 rows are needed to forecast\. Got 14\."):
        trained.forecaster.forecast(wave(14))
    with pytest.raises(DataError, match=r"values: must have the columns a\. Got 2 columns\."):
        trained.forecaster.forecast(np.ones((20, 2)))


def test_a_damaged_folder_is_refused(tmp_path, trained):
    forecaster = trained.forecaster
    forecaster.save(tmp_path / "model", "card")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelFolderError, match=r"model\.safetensors was changed"):
        load_forecaster(tmp_path / "model")


def test_a_folder_whose_networks_do_not_fit_its_settings_is_refused(tmp_path, trained):
    few = Forecaster(trained.forecaster.coding, ("a",), trained.forecaster.networks[:1])
    few.save(tmp_path / "model", "card")
    with pytest.raises(ModelFolderError, match=r"not a whole model: .* must hold "):
        load_forecaster(tmp_path / "model")


def test_weights_that_are_not_finite_are_refused(tmp_path, trained):
    settings = trained.forecaster.coding.settings
    network = build_network(settings, trained.forecaster.coding.num_features)
    with torch.no_grad():
        network.head.linear.bias[0] = torch.nan
    Forecaster(trained.forecaster.coding, ("a",), [network, network]).save(tmp_path / "m", "card")
    with pytest.raises(ModelFolderError, match=r"head\.linear\.bias must be finite"):
        load_forecaster(tmp_path / "m")


def test_a_model_of_text_is_not_a_model_of_a_series(tiny_model):
    with pytest.raises(ModelFolderError, match=r"must be a model of a series\. Got .* 'ner'"):
        load_forecaster(tiny_model)


def test_a_model_of_a_series_is_not_a_model_of_text(trained):
    import ner

    with pytest.raises(ModelFolderError, match="'series'"):
        ner.load(trained.model)


@pytest.mark.parametrize(
    "encoder",
    [{"cell": "gru"}, {"layers": 2}, {"bidirectional": True}],
    ids=["gru", "two layers", "both directions"],
)
@pytest.mark.parametrize("projection", [0, 5])
def test_any_encoder_takes_values(encoder, projection):
    settings = settings_of(encoder={"size": 4, **encoder}, projection=projection)
    network = build_network(settings, 2)
    batch = {"values": torch.randn(5, 10, 2), "lengths": torch.full((5,), 10)}
    assert network(batch)["values"].shape == (5, 3)
    targets = torch.randn(5, 3)
    expected = (network(batch)["values"] - targets).square().mean()
    assert torch.equal(network.loss({**batch, "targets": targets}), expected)
