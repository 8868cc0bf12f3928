"""The script scripts/forecast.py, and its report."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from ner.errors import ModelFolderError
from ner.files import read_json
from ner.forecasting.forecaster import load_forecaster
from ner.forecasting.report import Scores, SeriesReport, SplitReport
from tests.signing import sign

SCRIPT = Path(__file__).parents[2] / "scripts" / "forecast.py"
SMALL = ("--size", "6", "--epochs", "3", "--seeds", "2", "--device", "cpu")


@pytest.fixture
def forecast(monkeypatch, capsys):
    """Run the script; return its exit code, its output, and the last line of its errors."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["forecast.py", *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err.strip().rpartition("\n")[2] if isinstance(code, int) else code

    return call


@pytest.fixture
def series(tmp_path):
    """Write a seasonal series that grows, as a spreadsheet does, and return its path."""
    t = np.arange(96)
    values = np.exp(t / 60) * (3 + np.sin(t * np.pi / 6))
    path = tmp_path / "sales.csv"
    rows = "".join(f'"{1949 + i // 12}-{1 + i % 12:02}",{v:.4f}\r\n' for i, v in enumerate(values))
    path.write_bytes(f'"Month","Sales"\r\n{rows}'.encode())
    return path


def test_a_series_is_trained_reported_and_forecast(series, forecast, tmp_path):
    out = tmp_path / "run"
    options = ("--horizon", 5, "--window", 12, "--period", 12, "--log", "--reference", "drift")
    code, printed, _ = forecast(series, *options, *SMALL, "--out", out)
    assert code == 0
    assert "Sales of " in printed
    assert "last season and drift" in printed
    assert "RMSE of one network: " in printed
    assert printed.endswith(f"Model: {out / 'model'}\n")
    report = read_json(out / "report.json")
    assert report["test"]["network"]["rmse"] < report["test"]["plain"]["last value"]["rmse"]

    code, printed, _ = forecast(series, "--model", out / "model")
    t = np.arange(96, 101)
    expected = np.exp(t / 60) * (3 + np.sin(t * np.pi / 6))
    assert code == 0
    assert np.allclose([float(line) for line in printed.split()], expected, rtol=0.05)

    assert forecast(series, *options, *SMALL, "--out", out)[0].endswith("choose another --out.")
    assert forecast(series, *options, *SMALL, "--out", out, "--resume")[0] == 0


def test_rows_without_a_header_are_estimated_from_each_other(forecast, tmp_path):
    random = np.random.default_rng(1)
    inputs = random.normal(size=(120, 3))
    rows = np.column_stack([inputs, inputs @ [1, -2, 0.5]])
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, delimiter=",")
    code, printed, _ = forecast(path, "--task", "rows", *SMALL, "--out", tmp_path / "run")
    assert code == 0
    assert "4 of " in printed
    assert "ridge on the same inputs" in printed
    assert "NOT better than the best plain method, ridge" in printed
    code, printed, _ = forecast(path, "--model", tmp_path / "run" / "model")
    assert len(printed.split()) == 120


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("--column", "Profit"),
            "{}: a column must be one of Month, Sales. Got 'Profit'.",
            id="an unknown column",
        ),
        pytest.param(
            ("--column", "Month"),
            "{}:2: column 'Month' must hold a finite number. Got '1949-01'.",
            id="a column of dates",
        ),
        pytest.param(
            ("--inputs", "Sales"),
            "{}: inputs must differ from each other and from the column that is forecast. "
            "Got Sales, Sales.",
            id="inputs twice",
        ),
        pytest.param(
            ("--window", 90),
            "{}: the training split must reach row 91, because a forecast reads 90 rows and "
            "forecasts 1. Got 58 rows.",
            id="a long window",
        ),
        pytest.param(
            ("--horizon", 0),
            "horizon: must be a whole number of at least 1. Got 0.",
            id="no horizon",
        ),
        pytest.param(
            ("--epochs", 0),
            "training.epochs: must be a whole number of at least 1. Got 0.",
            id="no epochs",
        ),
        pytest.param(
            ("--device", "tpu"),
            "device: must be auto, cpu, cuda or cuda:N. Got 'tpu'.",
            id="an unknown device",
        ),
        pytest.param(
            ("--split", 90, 10, 10),
            "split: must add up to at most the 96 rows of {}. Got 110.",
            id="a long split",
        ),
        pytest.param(
            ("--task", "rows"),
            "{}: must have columns of numbers besides 'Sales'. Got none.",
            id="rows of one column",
        ),
    ],
)
def test_a_mistake_is_one_line(series, forecast, tmp_path, arguments, message):
    code, printed, _ = forecast(series, *arguments, "--out", tmp_path / "run")
    assert (code, printed) == (message.format(series), "")
    assert not (tmp_path / "run").exists()


def test_a_blank_cell_is_found(series, forecast):
    text = series.read_text(encoding="utf-8").replace(",3.0000", ",", 1)
    series.write_text(text, encoding="utf-8")
    code, *_ = forecast(series)
    assert code == f"{series}:2: column 'Sales' must hold a finite number. Got a blank cell."


def test_a_model_that_does_not_exist_is_refused(series, forecast, tmp_path):
    code, *_ = forecast(series, "--model", tmp_path / "nothing")
    assert code == f"{tmp_path / 'nothing'}: no such folder."


@pytest.mark.parametrize("option", ["horizon", "size", "batch-size"])
def test_a_model_has_its_own_settings(series, forecast, tmp_path, option):
    code, *_ = forecast(series, "--model", tmp_path, f"--{option}", 3)
    assert code == f"--{option}: must not be given with --model, which has its own. Got both."


def scores(rmse):
    return Scores(rmse, rmse / 2, 1 - rmse)


def test_a_report_says_plainly_whether_the_network_is_better():
    plain = {"last value": scores(2.0), "last season": scores(1.0)}
    good = SplitReport("rows 1 to 9", 9, scores(0.75), [scores(0.5), scores(1.0)], plain)
    bad = SplitReport("rows 1 to 9", 9, scores(1.5), [scores(1.5)], plain)
    even = SplitReport("rows 1 to 9", 9, scores(1.5), [scores(1.5)], {"last value": scores(0.0)})
    assert good.verdict == "better than the best plain method, last season: RMSE 25.0% below."
    assert bad.verdict == "NOT better than the best plain method, last season: RMSE 50.0% above."
    assert even.verdict == "NOT better than last value, which is exact."
    text = str(SeriesReport("a of b", {"test": good}))
    assert "network, mean of 2 seeds        0.75     0.375   0.250" in text
    assert "RMSE of one network: 0.75 ± 0.35" in text


def test_airline_passengers_are_forecast_better_than_naively(shared_data, forecast, tmp_path):
    path = shared_data("timeseries/airline-passengers.csv")
    options = ("--horizon", 5, "--window", 18, "--period", 12, "--log", "--reference", "drift")
    small = ("--seeds", 1, "--epochs", 100, "--device", "cpu")
    assert forecast(path, *options, *small, "--out", tmp_path / "run")[0] == 0
    test = read_json(tmp_path / "run" / "report.json")["test"]
    assert test["forecasts"] == 25
    for name in ("last value", "last season"):
        assert test["network"]["rmse"] < test["plain"][name]["rmse"] / 2


@pytest.mark.parametrize("column", ["OT", "8"])
def test_the_first_rows_of_the_transformer_are_forecast(shared_data, forecast, tmp_path, column):
    lines = shared_data("timeseries/ETTh1.csv").read_text("utf-8").splitlines()[:601]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    options = ("--column", column, "--inputs", "HUFL", "--horizon", 24, "--window", 48)
    patches = ("--patch", 24, "--period", 24)
    code, printed, _ = forecast(
        tmp_path / "a.csv", *options, *patches, *SMALL, "--out", tmp_path / "run"
    )
    assert code == 0
    assert "OT of " in printed
    assert "better than the best plain method" in printed


def test_houses_are_estimated_better_than_by_a_line(shared_data, forecast, tmp_path):
    path = shared_data("timeseries/housing.csv")
    small = ("--seeds", 1, "--epochs", 40, "--learning-rate", 0.01, "--device", "cpu")
    assert forecast(path, "--task", "rows", *small, "--out", tmp_path / "run")[0] == 0
    test = read_json(tmp_path / "run" / "report.json")["test"]
    assert test["network"]["rmse"] < min(s["rmse"] for s in test["plain"].values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder": {"size": 10**8}}, "must have the shape"),
        ({"encoder": {"layers": 10**9}}, "encoder.layers must be at most"),
        ({"seeds": 10**9}, "1000000000 networks, but"),
    ],
    ids=["size", "layers", "networks"],
)
def test_a_model_is_compared_with_its_weights_before_memory_is_asked_for(
    series, forecast, tmp_path, change, words
):
    code, *_ = forecast(series, *SMALL, "--out", tmp_path / "run")
    assert code == 0
    folder = tmp_path / "run" / "model"

    def enlarge(manifest):
        settings = manifest["settings"]
        for name, value in change.items():
            settings[name] = {**settings[name], **value} if isinstance(value, dict) else value

    sign(folder, enlarge)
    with pytest.raises(ModelFolderError) as error:
        load_forecaster(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
